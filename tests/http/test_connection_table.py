"""Who is admitted, and whose connection is closed to make room."""

from hypothesis import given
from hypothesis import strategies as st

from mediaserver.http.connection_table import ConnectionTable, State


def _table(total: int = 100, per_network: int = 100) -> ConnectionTable[str]:
    return ConnectionTable(total, per_network)


def test_one_address_makes_room_among_its_own_connections() -> None:
    table = _table(per_network=2)
    table.admit("other", "192.0.2.9")
    table.admit("first", "192.0.2.1")
    table.admit("second", "192.0.2.1")
    assert table.admit("third", "192.0.2.1") == (True, "first")
    assert len(table) == 3


def test_busy_connections_are_not_closed_and_the_new_one_is_refused() -> None:
    table = _table(per_network=1)
    table.admit("first", "192.0.2.1")
    table.change("first", State.BUSY)
    assert table.admit("second", "192.0.2.1") == (False, None)
    assert table.closed["address_limit"] == 1
    table.leave("first")
    assert table.admit("second", "192.0.2.1") == (True, None)


def test_connections_that_never_asked_go_before_idle_ones() -> None:
    table = _table(per_network=2)
    table.admit("browser", "192.0.2.1")
    table.change("browser", State.BUSY)
    table.change("browser", State.IDLE)
    table.admit("half", "192.0.2.1")
    assert table.admit("new", "192.0.2.1") == (True, "half")


def test_the_total_limit_takes_from_the_address_that_holds_most() -> None:
    table = _table(total=5)
    for number in range(3):
        table.admit(f"scanner {number}", "192.0.2.66")
    table.admit("one", "192.0.2.1")
    table.admit("two", "192.0.2.2")
    assert table.admit("three", "192.0.2.3") == (True, "scanner 0")
    assert table.admit("four", "192.0.2.4") == (True, "scanner 1")


def test_an_address_with_busy_connections_only_is_passed_over() -> None:
    table = _table(total=3)
    for name in ("a", "b"):
        table.admit(name, "192.0.2.66")
        table.change(name, State.BUSY)
    table.admit("idle", "192.0.2.1")
    table.change("idle", State.IDLE)
    assert table.admit("new", "192.0.2.3") == (True, "idle")
    table.change("new", State.BUSY)
    assert table.admit("more", "192.0.2.4") == (False, None)
    assert table.closed["total_limit"] == 1


def test_trusted_proxies_have_no_limit_of_their_own() -> None:
    table = _table(total=4, per_network=1)
    for number in range(4):
        assert table.admit(f"proxied {number}", "10.0.0.1", limited=False) == (True, None)


def test_waiting_again_does_not_make_a_connection_younger() -> None:
    table = _table(per_network=2)
    table.admit("old", "192.0.2.1")
    table.admit("young", "192.0.2.1")
    table.change("old", State.PENDING)
    assert table.admit("new", "192.0.2.1") == (True, "old")


_acts = st.lists(
    st.tuples(st.sampled_from(["admit", "leave", *State]), st.integers(0, 30), st.integers(0, 4)), max_size=300
)


@given(_acts)
def test_the_table_always_agrees_with_a_plain_list(acts: list[tuple[object, int, int]]) -> None:
    table, known = ConnectionTable[int](12, 5), dict[int, int]()
    states = dict[int, State]()
    for act, key, network in acts:
        if act == "admit" and key not in known:
            admitted, victim = table.admit(key, str(network))
            if victim is not None:
                assert states.pop(victim) is not State.BUSY
                del known[victim]
            if admitted:
                known[key], states[key] = network, State.PENDING
        elif act == "leave":
            table.leave(key)
            known.pop(key, None), states.pop(key, None)
        elif isinstance(act, State):
            table.change(key, act)
            if key in states:
                states[key] = act
        assert len(table) == len(known) <= 12
        counts = [list(known.values()).count(one) for one in range(5)]
        assert max(counts) <= 5
        closable = [sum(states[k] is not State.BUSY for k in known if known[k] == one) for one in range(5)]
        oldest = table.oldest()
        assert (oldest is None) == (max(closable) == 0)
        if oldest is not None:
            assert closable[known[oldest]] == max(closable)
