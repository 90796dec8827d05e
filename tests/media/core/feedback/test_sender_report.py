from mediaserver.media.core.feedback.sender_report import SenderClock
from mediaserver.media.core.packets.rtcp import SenderReport, parse

NTP = 0xE5C0000080000000  # half a second past


def test_nothing_is_told_before_the_sender_does() -> None:
    clock = SenderClock(90_000)
    assert clock.build(7, 0, 1, 2, 1.0) is None
    clock.update(SenderReport(1, 0, 5, 0, 0, ()), 1.0)  # it has no clock
    assert clock.build(7, 0, 1, 2, 1.0) is None


def test_both_times_are_advanced_and_the_timestamp_is_mapped() -> None:
    clock = SenderClock(90_000)
    clock.update(SenderReport(1, NTP, 0xFFFFFFFF, 500, 500_000, ()), 10.0)
    data = clock.build(7, 1001, 3, 300, 10.5)
    assert data is not None
    assert parse(data) == [SenderReport(7, 0xE5C0000100000000, 1000 + 45_000, 3, 300, ())]


def test_an_old_report_is_not_stretched() -> None:
    clock = SenderClock(90_000)
    clock.update(SenderReport(1, NTP, 0, 0, 0, ()), 10.0)
    assert clock.build(7, 0, 0, 0, 40.0) is not None
    assert clock.build(7, 0, 0, 0, 40.1) is None
