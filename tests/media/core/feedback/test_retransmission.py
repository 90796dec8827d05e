from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.feedback.retransmission import (
    MAX_REMEMBERED,
    MIN_BURST_BYTES,
    MIN_RATE_BPS,
    SHARE,
    RetransmissionBudget,
    RetransmissionHistory,
)


def test_a_number_asked_for_twice_in_one_nack_is_due_once() -> None:
    history = RetransmissionHistory()
    assert history.due([65535, 0, 65535, 0, 7], 0.1, 1.0) == [65535, 0, 7]


def test_a_number_is_due_again_after_a_round_trip() -> None:
    history = RetransmissionHistory()
    history.sent(5, 1.0)
    assert history.due([5, 6], 0.2, 1.19) == [6]
    assert history.due([5, 6], 0.2, 1.2) == [5, 6]


def test_a_very_short_round_trip_counts_as_30_ms() -> None:
    history = RetransmissionHistory()
    history.sent(5, 1.0)
    assert history.due([5], 0.001, 1.029) == []
    assert history.due([5], 0.001, 1.031) == [5]


def test_a_full_history_refuses_instead_of_forgetting() -> None:
    history = RetransmissionHistory()
    for sequence in range(MAX_REMEMBERED):
        history.sent(sequence, 1.0)
    assert history.due([0, 60_000], 0.1, 1.05) == []
    assert history.due([0, 60_000], 0.1, 1.1) == [0, 60_000]


@given(
    first=st.integers(0, 0xFFFF),
    rtt_s=st.floats(0.0, 0.5),
    nacks=st.lists(st.tuples(st.floats(0.0, 0.2), st.lists(st.integers(0, 40), max_size=30)), max_size=40),
)
def test_nothing_is_sent_twice_within_a_round_trip(
    first: int, rtt_s: float, nacks: list[tuple[float, list[int]]]
) -> None:
    history, now = RetransmissionHistory(), 100.0
    last_s: dict[int, float] = {}
    for later_s, asked in nacks:
        now += later_s
        for sequence in history.due([first + one & 0xFFFF for one in asked], rtt_s, now):
            assert now - last_s.get(sequence, 0.0) >= rtt_s - 1e-9
            history.sent(sequence, now)
            last_s[sequence] = now


def test_the_budget_is_a_share_of_what_is_forwarded() -> None:
    budget = RetransmissionBudget(0.0)
    budget.update(2_000_000, None, 0.1, 0.0)
    assert budget.rate_bps == 2_000_000 * SHARE
    budget.update(0, None, 0.1, 1.0)
    assert budget.rate_bps == MIN_RATE_BPS


def test_first_transmissions_have_precedence_on_a_full_link() -> None:
    budget = RetransmissionBudget(0.0)
    budget.update(700_000, 400_000, 0.1, 0.0)
    assert budget.rate_bps == 70_000
    budget.update(300_000, 350_000, 0.1, 1.0)
    assert budget.rate_bps == 50_000
    assert budget.burst_bytes < MIN_BURST_BYTES


def test_audio_is_sent_again_when_video_has_used_the_budget_up() -> None:
    budget = RetransmissionBudget(0.0)
    while budget.take(1200, 0.0):
        pass
    assert budget.take(100, 0.0, audio=True)
    for _ in range(1000):
        budget.take(100, 0.0, audio=True)
    assert not budget.take(100, 0.0, audio=True), "audio is bounded, too"


@given(
    sizes=st.lists(st.tuples(st.floats(0.0, 0.1), st.integers(50, 1500), st.booleans()), max_size=300),
    forwarded_bps=st.integers(0, 20_000_000),
    rtt_s=st.floats(0.0, 2.0),
)
def test_never_more_than_the_rate_and_two_bursts(
    sizes: list[tuple[float, int, bool]], forwarded_bps: int, rtt_s: float
) -> None:
    budget, now, sent = RetransmissionBudget(0.0), 0.0, 0
    budget.update(forwarded_bps, None, rtt_s, now)
    for later_s, size, audio in sizes:
        now += later_s
        if budget.take(size, now, audio=audio):
            sent += size
    assert sent <= budget.rate_bps / 8 * now + 2 * budget.burst_bytes + 1500
