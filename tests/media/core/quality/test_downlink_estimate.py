import itertools

from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.quality.downlink_estimate import (
    FIRST_BACKOFF_S,
    MAX_BACKOFF_S,
    PROBE_S,
    Downlink,
    Load,
)

HIGH, LOW = 700_000, 230_000
VIDEO, AUDIO = 1, 2


def load(video_bps: int = HIGH, *, audio_bps: int = 0) -> Load:
    """One video slot with the layers `HIGH` and `LOW`."""
    following = {HIGH: None, LOW: HIGH + audio_bps, 0: LOW + audio_bps}[video_bps]
    return Load({VIDEO: video_bps, AUDIO: audio_bps}, LOW + audio_bps, following)


def lowered_to(downlink: Downlink) -> int:
    """The layer that fits."""
    limit_bps = downlink.limit_bps
    assert limit_bps is not None
    return HIGH if limit_bps >= HIGH else LOW if limit_bps >= LOW else 0


def test_without_feedback_nothing_is_limited() -> None:
    downlink = Downlink()
    assert not any(downlink.update(load(), now) for now in range(100))
    assert downlink.limit_bps is None


def test_a_remb_that_stays_low_for_a_second_is_obeyed() -> None:
    downlink = Downlink()
    downlink.remb(400_000, [VIDEO], 10.0)
    assert not downlink.update(load(), 10.0)
    downlink.remb(400_000, [VIDEO], 11.0)
    assert downlink.update(load(), 11.0)
    assert (downlink.limit_bps, downlink.by_remb) == (400_000, True)
    assert lowered_to(downlink) == LOW


def test_a_remb_that_collapses_is_obeyed_at_once() -> None:
    downlink = Downlink()
    downlink.remb(900_000, [VIDEO], 10.0)
    assert not downlink.update(load(), 10.0)
    downlink.remb(340_000, [VIDEO], 10.2)
    assert downlink.is_due(10.2)
    assert downlink.update(load(), 10.2)
    assert lowered_to(downlink) == LOW


def test_a_remb_near_what_is_sent_limits_nothing() -> None:
    downlink = Downlink()
    for now in range(30):
        downlink.remb(600_000, [VIDEO], now)
        assert not downlink.update(load(), now)


def test_a_remb_that_still_rises_after_a_larger_layer_was_chosen_limits_nothing() -> None:
    downlink, estimate_bps = Downlink(), 350_000.0
    for now in range(12):
        downlink.remb(estimate_bps, [VIDEO], now)
        assert not downlink.update(load(), now)
        estimate_bps *= 1.08


def test_a_remb_that_has_not_risen_yet_does_not_take_a_larger_layer_back() -> None:
    downlink = Downlink()
    for now in range(10):
        downlink.remb(340_000, [VIDEO], now)
        assert not downlink.update(load(LOW), now)
    for now in range(10, 12):  # the keyframe of the larger layer has not come
        downlink.remb(340_000, [VIDEO], now)
        assert not downlink.update(load(HIGH), now)


def test_slots_that_were_suspended_stay_so_when_an_attempt_fails() -> None:
    downlink = Downlink()
    for now in (10.0, 11.0):
        downlink.remb(100_000, [VIDEO], now)
        downlink.update(load(), now)
    assert (downlink.limit_bps, downlink.by_remb) == (100_000, True)
    raised_s = 11.0 + FIRST_BACKOFF_S
    assert downlink.update(load(0, audio_bps=40_000), raised_s)
    downlink.nacked(20)
    assert downlink.update(load(LOW, audio_bps=40_000), raised_s + 0.5)
    assert (downlink.limit_bps, downlink.by_remb) == (100_000, True)


def test_one_report_after_a_long_silence_lowers_nothing() -> None:
    downlink = Downlink()
    for now in range(60):
        downlink.update(load(), now)
    assert not lossy(downlink, 60.0, 30)
    assert not lossy(downlink, 61.0, 0)


def test_an_old_remb_is_forgotten() -> None:
    downlink = Downlink()
    downlink.remb(100_000, [VIDEO], 10.0)
    downlink.update(load(), 10.0)
    assert not downlink.update(load(), 14.0)


def test_rembs_for_parts_of_the_streams_are_added() -> None:
    downlink = Downlink()
    rates = Load({1: 300_000, 2: 300_000, 3: 50_000}, 200_000, None)
    for now in range(5):
        downlink.remb(350_000, [1], now)
        downlink.remb(350_000, [2], now)
        assert not downlink.update(rates, now)
    for now in range(5, 10):
        downlink.remb(350_000, [1, 2], now)  # one estimate for both
        downlink.update(rates, now)
    assert downlink.limit_bps == 400_000, "the stream that no REMB covers is counted as it is"


def lossy(downlink: Downlink, now: float, lost: int, video_bps: int = HIGH) -> bool:
    """A second in which `lost` of 100 packets were lost."""
    downlink.reported(100, lost)
    return downlink.update(load(video_bps), now)


def test_more_than_10_percent_loss_for_two_seconds_lowers_the_layer() -> None:
    downlink = Downlink()
    downlink.update(load(), 0.0)
    assert not lossy(downlink, 1.0, 15)
    assert lossy(downlink, 2.0, 15)
    assert lowered_to(downlink) == LOW
    assert not downlink.by_remb


def test_a_second_of_loss_or_less_than_10_percent_changes_nothing() -> None:
    downlink = Downlink()
    downlink.update(load(), 0.0)
    for now in range(1, 30):
        assert not lossy(downlink, now, 9 if now % 2 else 0)
    assert not lossy(downlink, 30.0, 40)
    assert not lossy(downlink, 31.0, 0)


def test_loss_that_goes_on_with_the_smallest_layer_lowers_nothing_more() -> None:
    downlink = Downlink()
    downlink.update(load(), 0.0)
    lossy(downlink, 1.0, 15)
    lossy(downlink, 2.0, 15)
    limit_bps = downlink.limit_bps
    for now in range(3, 60):
        assert not lossy(downlink, now, 15, LOW)
    assert downlink.limit_bps == limit_bps


def narrowed() -> Downlink:
    """A downlink that was lowered at 10.2 s."""
    downlink = Downlink()
    downlink.remb(900_000, [VIDEO], 10.0)
    downlink.update(load(), 10.0)
    downlink.remb(340_000, [VIDEO], 10.2)
    assert downlink.update(load(), 10.2)
    return downlink


def test_it_is_tried_again_after_a_while_and_released_when_that_succeeds() -> None:
    downlink = narrowed()
    for now in range(11, 20):
        assert not downlink.update(load(LOW), now)
    raised_s = 10.2 + FIRST_BACKOFF_S
    assert downlink.update(load(LOW), raised_s)
    assert lowered_to(downlink) == HIGH
    for second in range(1, int(PROBE_S)):
        assert not downlink.update(load(HIGH), raised_s + second)
    assert downlink.update(load(HIGH), raised_s + PROBE_S)
    assert downlink.limit_bps is None


def test_attempts_that_fail_are_made_ever_more_rarely() -> None:
    downlink = narrowed()
    now, raised_s = 10.2, []
    current = LOW
    while now < 600:
        now += 0.1
        if downlink.update(load(current), now):
            if current == LOW:
                raised_s.append(now)
                current = HIGH
            else:
                current = LOW
        if current == HIGH:
            downlink.nacked(5)
    gaps = [later - earlier for earlier, later in itertools.pairwise(raised_s)]
    assert gaps[:3] == sorted(gaps[:3])
    assert gaps[1] > gaps[0] * 1.8
    assert max(gaps) <= MAX_BACKOFF_S + 2
    assert len(raised_s) <= 9


def test_a_failed_attempt_is_taken_back_within_half_a_second() -> None:
    downlink = narrowed()
    raised_s = 10.2 + FIRST_BACKOFF_S
    assert downlink.update(load(LOW), raised_s)
    before_bps = 340_000
    assert not downlink.update(load(HIGH), raised_s + 0.2)
    downlink.nacked(12)
    assert downlink.is_due(raised_s + 0.4)
    assert downlink.update(load(HIGH), raised_s + 0.4)
    assert downlink.limit_bps == before_bps
    assert downlink.queue_is_full


def test_no_attempt_is_made_while_packets_are_lost() -> None:
    downlink = narrowed()
    for now in range(12, 100):
        assert not lossy(downlink, now, 6, LOW)


def test_retransmissions_leave_room_as_soon_as_much_is_lost() -> None:
    downlink = Downlink()
    assert downlink.spare_limit_bps(HIGH) is None
    downlink.update(load(), 0.0)
    lossy(downlink, 1.0, 40)
    assert downlink.spare_limit_bps(HIGH) == HIGH * 0.6


COUNTS = st.integers(0, 100)


@given(st.lists(st.tuples(st.floats(0.01, 1.0), st.integers(0, 5_000_000), COUNTS, COUNTS, COUNTS), max_size=200))
def test_whatever_is_reported_the_limit_stays_sensible(events: list[tuple[float, int, int, int, int]]) -> None:
    downlink, now, layer = Downlink(), 0.0, HIGH
    for later_s, remb_bps, expected, lost, nacked in events:
        now += later_s
        downlink.remb(remb_bps, [VIDEO], now)
        downlink.reported(expected, min(lost, expected))
        downlink.nacked(nacked)
        before_bps = downlink.limit_bps
        changed = downlink.update(load(layer), now)
        assert changed or downlink.limit_bps == before_bps
        layer = HIGH if downlink.limit_bps is None else lowered_to(downlink)
        assert downlink.limit_bps is None or downlink.limit_bps >= 0
