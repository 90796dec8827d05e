"""Budgets of connections, users and networks, in literal times."""

from mediaserver.base.settings.tree import SignallingSettings
from mediaserver.signalling import costs
from mediaserver.signalling.budgets import Budget, NetworkBudgets, UserBudgets
from mediaserver.signalling.messages import CLIENT_MESSAGES


def test_a_budget_refuses_first_and_then_ends_the_connection() -> None:
    budget = Budget(rate_per_s=10, burst=20, now=0)
    assert all(budget.charge(1, 0) for _ in range(20)) and budget.wait_s(0) == 0
    assert budget.charge(5, 0) and budget.wait_s(0) == 0.5  # in debt: refused for half a second
    assert budget.charge(15, 0) and not budget.charge(1, 0)  # a debt larger than the burst


def test_a_client_that_waits_is_served_again() -> None:
    budget = Budget(rate_per_s=10, burst=20, now=0)
    assert budget.charge(30, 0) and budget.wait_s(0) == 1.0
    assert budget.wait_s(1.0) == 0 and not budget.is_full(1.0) and budget.is_full(3.0)
    assert Budget(1000, 1, 0).charge(1.5, 0)


def test_without_tolerance_the_end_comes_at_once() -> None:
    budget = Budget(rate_per_s=4, burst=32, now=0, tolerance=0)
    assert all(budget.charge(1, 0) for _ in range(32)) and not budget.charge(1, 0)


def test_a_users_budget_outlives_their_connections_until_it_has_recovered() -> None:
    users = UserBudgets(SignallingSettings())
    budget = users.of("eve", 0)
    budget.work.charge(700, 0)
    users.release("eve", 0)
    assert users.of("eve", 1).work.wait_s(1) == 1.0  # 200 in debt, 100 a second, one second ago
    users.release("eve", 8)
    assert len(users) == 0


def test_budgets_that_say_nothing_are_forgotten() -> None:
    users = UserBudgets(SignallingSettings())
    users.of("debtor", 0).work.charge(1e9, 0)
    users.of("connected", 0).connections = 1
    for number in range(10_000):
        users.of(f"user{number}", 0)
    assert len(users) <= 1100
    assert users.of("debtor", 0).work.wait_s(0) > 0 and users.of("connected", 0).connections == 1


def test_a_network_that_never_signs_in_is_slowed_down_for_five_seconds_at_most() -> None:
    networks = NetworkBudgets(rate_per_s=20, burst=1000, delay_s=0.5)
    assert {networks.handshake("villain", 0) for _ in range(1000)} == {0.0}
    assert {networks.handshake("villain", 0) for _ in range(9000)} == {0.5}
    assert networks.handshake("honest", 0) == 0 and networks.handshake("villain", 5.1) == 0


def test_handshakes_that_lead_to_a_sign_in_cost_nothing() -> None:
    networks = NetworkBudgets(rate_per_s=20, burst=1000, delay_s=0.5)
    for _ in range(5000):
        assert networks.handshake("school", 0) == 0
        networks.signed_in("school", 0)


def test_violations_slow_a_network_down_sooner() -> None:
    networks = NetworkBudgets(rate_per_s=20, burst=1000, delay_s=0.5)
    for _ in range(20):
        assert networks.handshake("villain", 0) == 0
        networks.violation("villain", 0)
    assert networks.handshake("villain", 0) == 0.5


def test_networks_are_bounded() -> None:
    networks = NetworkBudgets(rate_per_s=20, burst=1000, delay_s=0.5)
    for number in range(30_000):
        networks.handshake(f"2001:db8::{number:x}/64", 0)
    assert len(networks) == 10_000


def test_every_event_has_a_cost() -> None:
    assert set(costs.EVENTS) == set(CLIENT_MESSAGES.values())
    assert costs.frame_cost(0) == 1 and costs.frame_cost(8192) == 3
