from mediaserver.media.core.feedback.rtcp_budget import BURST, RATE_PER_S, RtcpBudget
from mediaserver.media.core.packets import rtcp


def test_fifty_nacks_a_second_for_each_of_ten_streams_are_admitted() -> None:
    budget = RtcpBudget(0.0)
    nack = rtcp.build_nack(1, 2, [5, 9])
    packets = rtcp.parse(nack)
    for number in range(5000):
        now = number / 500
        assert budget.admit(len(nack), now)
        budget.charge(packets, now)


def test_a_storm_is_refused_and_the_budget_recovers() -> None:
    budget = RtcpBudget(0.0)
    storm = rtcp.build_nack(1, 2, range(1000))
    packets = rtcp.parse(storm)
    admitted = 0
    while budget.admit(len(storm), 0.0):
        budget.charge(packets, 0.0)
        admitted += 1
    assert admitted <= BURST / 1000
    assert not budget.admit(20, 0.0)
    assert budget.admit(20, 1000 / RATE_PER_S + 0.1)
