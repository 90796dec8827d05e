import pytest

from mediaserver.base.limits.minimum_rate import MinimumRate


def test_a_steady_sender_at_the_rate_is_waited_for_for_ever() -> None:
    rate = MinimumRate(8000, 30.0)
    for _ in range(1000):
        rate.received(4000, waited_s=0.5)
        assert rate.patience_s == 30.0


def test_a_slower_sender_is_out_of_patience_when_its_debt_reaches_the_grace() -> None:
    rate = MinimumRate(8000, 30.0)
    for _ in range(59):  # half the rate: each second costs half a second
        rate.received(4000, waited_s=1.0)
    assert rate.patience_s == pytest.approx(0.5)
    rate.received(4000, waited_s=1.0)
    assert rate.patience_s == 0.0


def test_a_stall_within_the_grace_is_made_good_by_what_follows() -> None:
    rate = MinimumRate(8000, 30.0)
    rate.received(8000, waited_s=21.0)
    assert rate.patience_s == 10.0
    rate.received(80_000, waited_s=1.0)
    assert rate.patience_s == 19.0


def test_a_fast_start_does_not_pay_for_a_long_stall() -> None:
    rate = MinimumRate(8000, 30.0)
    rate.received(500_000_000, waited_s=1.0)
    assert rate.patience_s == 30.0
