import pytest

from mediaserver.recording.capture.disk_guard import Decision
from mediaserver.recording.capture.disk_watch import DiskWatch, WriteRate

MB = 1_000_000


def test_a_steady_rate_is_known_after_one_look() -> None:
    rate = WriteRate(written=500, now_s=10.0)
    assert rate.update(1500, 11.0) == 1000.0
    assert rate.update(2500, 12.0) == pytest.approx(1000.0)


def test_what_was_there_before_is_no_rate() -> None:
    assert WriteRate(written=10 * MB, now_s=0.0).update(10 * MB, 1.0) == 0.0


def test_a_burst_counts_little_and_a_trend_counts_after_ten_seconds() -> None:
    rate, written = WriteRate(0, 0.0), 0
    for now in range(1, 31):
        written += 1000
        rate.update(written, float(now))
    written += 50_000
    assert rate.update(written, 31.0) < 6000
    for now in range(32, 62):
        written += 10_000
        rate.update(written, float(now))
    assert rate.bytes_per_s == pytest.approx(10_000, rel=0.05)


def test_a_look_at_the_same_moment_changes_nothing() -> None:
    rate = WriteRate(0, 0.0)
    rate.update(1000, 1.0)
    assert rate.update(5000, 1.0) == 1000.0


def test_a_recording_is_warned_once_and_stopped_after_the_notice() -> None:
    watch = DiskWatch(reserve_bytes=100 * MB, notice_s=60.0)
    assert watch.look(500 * MB, {"A": 0}, 0.0) == Decision()
    assert watch.look(500 * MB, {"A": MB}, 1.0) == Decision(warn=("A",))
    assert watch.warned
    assert watch.look(499 * MB, {"A": 2 * MB}, 2.0) == Decision()
    assert watch.look(442 * MB, {"A": 60 * MB}, 61.0) == Decision(stop=("A",))
    assert not watch.warned


def test_a_recording_that_was_stopped_by_people_leaves_no_warning() -> None:
    watch = DiskWatch(reserve_bytes=100 * MB, notice_s=60.0)
    watch.look(500 * MB, {"A": 0}, 0.0)
    watch.look(500 * MB, {"A": MB}, 1.0)
    assert watch.look(100 * MB, {}, 2.0) == Decision()
    assert not watch.warned
