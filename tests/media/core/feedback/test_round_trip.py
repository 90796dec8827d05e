import pytest

from mediaserver.media.core.feedback.round_trip import DEFAULT_RTT_S, RoundTripTime, SentReports
from mediaserver.media.core.packets.rtcp import ReportBlock


def block(lsr: int, dlsr_s: float) -> ReportBlock:
    return ReportBlock(1, 0, 0, 0, 0, lsr, round(dlsr_s * 65536))


def test_the_round_trip_is_the_time_since_the_report_less_the_receivers_delay() -> None:
    reports = SentReports()
    reports.sent(0xABCD0000, 10.0)
    reports.sent(0xABCE0000, 11.0)
    assert reports.round_trip_s(block(0xABCD0000, 0.5), 10.75) == pytest.approx(0.25, abs=1e-4)
    assert reports.round_trip_s(block(0xABCE0000, 0.5), 11.7) == pytest.approx(0.2, abs=1e-4)


def test_reports_that_answer_nothing_of_ours_show_nothing() -> None:
    reports = SentReports()
    reports.sent(5, 10.0)
    assert reports.round_trip_s(block(0, 0.0), 10.1) is None
    assert reports.round_trip_s(block(6, 0.0), 10.1) is None
    for number in range(100, 120):
        reports.sent(number, 11.0)
    assert reports.round_trip_s(block(5, 0.0), 10.1) is None, "too long ago"


def test_an_implausible_delay_is_ignored() -> None:
    reports = SentReports()
    reports.sent(5, 10.0)
    assert reports.round_trip_s(block(5, 1.0), 10.1) is None
    assert reports.round_trip_s(block(5, 0.0), 30.0) is None
    assert reports.round_trip_s(block(5, 0.105), 10.1) == 0.0


def test_a_longer_round_trip_counts_at_once_and_a_shorter_one_slowly() -> None:
    rtt = RoundTripTime()
    assert rtt.seconds == DEFAULT_RTT_S
    rtt.sample(0.02)
    assert rtt.seconds == 0.02
    rtt.sample(0.3)
    assert rtt.seconds == 0.3
    rtt.sample(0.1)
    assert rtt.seconds == pytest.approx(0.25)
