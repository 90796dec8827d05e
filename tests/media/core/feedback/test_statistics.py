from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.feedback.statistics import ReceiverStats
from mediaserver.media.core.packets.rtcp import ReportBlock


def test_before_any_packet() -> None:
    assert ReceiverStats(90_000).report(7, 1.0) == ReportBlock(7, 0, 0, 0, 0, 0, 0)


def test_loss_since_the_last_report_and_in_all() -> None:
    stats = ReceiverStats(8000)
    for sequence in (65533, 65534, 0, 1):  # 65535 is lost
        stats.packet(sequence, 0, 100, 0.0)
    assert stats.report(7, 0.0) == ReportBlock(7, 256 // 5, 1, 0x10001, 0, 0, 0)
    for sequence in (2, 3):
        stats.packet(sequence, 0, 100, 0.0)
    assert stats.report(7, 0.0) == ReportBlock(7, 0, 1, 0x10003, 0, 0, 0)
    assert (stats.packets, stats.bytes) == (6, 600)


def test_duplicates_make_loss_negative_but_no_fraction() -> None:
    stats = ReceiverStats(8000)
    for sequence in (1, 2, 2, 2):
        stats.packet(sequence, 0, 100, 0.0)
    report = stats.report(7, 0.0)
    assert (report.fraction_lost, report.lost) == (0, -2)


def test_a_restarted_numbering_counts_anew() -> None:
    stats = ReceiverStats(8000)
    stats.packet(1, 0, 100, 0.0)
    stats.packet(30_000, 0, 100, 0.0)
    assert stats.report(7, 0.0) == ReportBlock(7, 0, 0, 30_000, 0, 0, 0)


def test_jitter_is_smoothed_and_survives_a_wrapping_timestamp() -> None:
    stats = ReceiverStats(8000)
    stats.packet(1, 2**32 - 160, 100, 1.000)
    stats.packet(2, 0, 100, 1.020)  # on time
    assert stats.jitter == 0
    stats.packet(3, 160, 100, 1.060)  # 20 ms late: 160 units
    assert stats.jitter == 10
    stats.packet(4, 320, 100, 1.080)
    assert stats.jitter == 9


def test_the_last_sender_report_is_named() -> None:
    stats = ReceiverStats(8000)
    stats.sender_report(0x0102030405060708, 10.0)
    report = stats.report(7, 11.5)
    assert (report.lsr, report.dlsr) == (0x03040506, 98304)


@given(st.integers(0, 0xFFFF), st.sets(st.integers(0, 500), min_size=1))
def test_the_highest_and_the_expected_are_exact(first: int, arrived: set[int]) -> None:
    stats = ReceiverStats(8000)
    start = min(arrived)
    for number in sorted(arrived):
        stats.packet(first + number & 0xFFFF, 0, 1, 0.0)
    assert stats.lost == max(arrived) - start + 1 - len(arrived)
    assert stats.report(1, 0.0).highest_sequence & 0xFFFF == first + max(arrived) & 0xFFFF
