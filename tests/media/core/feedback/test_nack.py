from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.feedback.nack import LossTracker


def received(tracker: LossTracker, *sequences: int, now: float = 0.0) -> None:
    for sequence in sequences:
        tracker.received(sequence, now)


def test_nothing_is_asked_without_loss() -> None:
    tracker = LossTracker()
    received(tracker, 65534, 65535, 0, 1)
    assert tracker.due(10.0, 0.05) == []


def test_a_gap_is_asked_for_at_the_second_packet_after_it() -> None:
    tracker = LossTracker()
    received(tracker, 65534, 1)
    assert tracker.due(0.0, 0.05) == []
    received(tracker, 2)
    assert tracker.due(0.0, 0.05) == [65535, 0]
    assert tracker.missing == 2


def test_a_gap_is_asked_for_after_10_ms() -> None:
    tracker = LossTracker()
    received(tracker, 1, 3)
    assert tracker.due(0.009, 0.05) == []
    assert tracker.due(0.010, 0.05) == [2]


def test_an_overtaken_packet_is_never_asked_for() -> None:
    tracker = LossTracker()
    received(tracker, 1, 3, 2)
    assert tracker.due(1.0, 0.05) == []
    assert tracker.recovered == 1


def test_it_is_asked_again_each_round_trip_but_not_sooner_than_20_ms() -> None:
    tracker = LossTracker()
    received(tracker, 1, 3)
    assert [tracker.due(t, 0.1) for t in (0.01, 0.1, 0.111)] == [[2], [], [2]]
    assert [tracker.due(t, 0.001) for t in (0.212, 0.222, 0.233)] == [[2], [], [2]]


def test_after_ten_tries_a_keyframe_is_wished_for_once() -> None:
    tracker = LossTracker()
    received(tracker, 1, 3)
    asked = [tracker.due(0.1 * step, 0.05) for step in range(1, 13)]
    assert asked == [[2]] * 10 + [[]] * 2
    assert (tracker.missing, tracker.given_up) == (0, 1)
    assert tracker.take_keyframe_wish()
    assert not tracker.take_keyframe_wish()


def test_a_keyframe_makes_older_losses_irrelevant() -> None:
    tracker = LossTracker()
    received(tracker, 65530, 65533, 3)
    tracker.forget_before(65535)
    assert tracker.due(1.0, 0.05) == [65535, 0, 1, 2]
    assert not tracker.take_keyframe_wish()


def test_too_great_a_gap_is_partly_given_up() -> None:
    tracker = LossTracker()
    received(tracker, 0, 1001)
    assert tracker.missing == 500
    assert tracker.given_up == 500
    assert tracker.take_keyframe_wish()
    received(tracker, 1003)
    assert tracker.missing == 500
    assert tracker.due(1.0, 0.05)[0] == 502


def test_a_restarted_stream_is_not_loss() -> None:
    for restart in (20_000, 40_000):
        tracker = LossTracker()
        received(tracker, 0, 2, restart, restart + 1)
        assert tracker.due(1.0, 0.05) == []
        assert tracker.take_keyframe_wish()


@given(
    first=st.integers(0, 0xFFFF),
    lost=st.sets(st.integers(1, 198), max_size=60),
    overtaken=st.sets(st.integers(1, 198), max_size=20),
)
def test_exactly_what_is_lost_is_asked_for(first: int, lost: set[int], overtaken: set[int]) -> None:
    arriving = sorted(set(range(200)) - lost, key=lambda n: n + 5.5 * (n in overtaken and n not in lost))
    arriving.remove(0)
    tracker = LossTracker()
    for number in [0, *arriving]:
        tracker.received(first + number & 0xFFFF, 0.0)
    assert set(tracker.due(1.0, 0.05)) == {first + n & 0xFFFF for n in lost if n < max(arriving)}


def test_a_sender_that_leaves_gaps_on_purpose_causes_no_work_for_each_number() -> None:
    tracker = LossTracker()
    received(tracker, 0)
    for packet in range(1, 200):
        received(tracker, packet * 450 & 0xFFFF, now=packet / 1000)
    assert tracker.missing <= 500
    assert len(tracker.due(1.0, 0.05)) <= 500
    assert tracker.take_keyframe_wish()
    assert tracker.given_up >= 190 * 449


def test_gaps_are_asked_for_again_after_a_storm() -> None:
    tracker = LossTracker()
    received(tracker, 0)
    for packet in range(1, 5):
        received(tracker, packet * 450, now=0.0)
    received(tracker, 1900, now=2.0)
    assert 1899 in tracker.due(2.1, 0.05)
