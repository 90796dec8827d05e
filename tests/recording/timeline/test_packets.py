"""Packets come out in sending order, whatever the network did to them."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.recording.capture import journal
from mediaserver.recording.capture.journal import Record
from mediaserver.recording.timeline.packets import Mark, Packet, Reader, Report, ordered
from tests.recording.studio import SECOND, Sender, tone, track

HEADER = track("MIC", Sender("ann"), "microphone", "opus").header


def rtp(sequence: int, timestamp: int, payload: bytes = b"x", payload_type: int = 111) -> bytes:
    return struct.pack("!BBHII", 0x80, payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 7) + payload


def packets(arrivals: list[tuple[int, int]]) -> list[Packet]:
    """From (arrival in ns, unwrapped sequence)."""
    records = [Record(journal.RTP, arrival, rtp(sequence, sequence * 960)) for arrival, sequence in arrivals]
    return [item for item in Reader(HEADER).read(records) if isinstance(item, Packet)]


@given(
    first=st.integers(0, 0xFFFF),
    count=st.integers(1, 300),
    seed=st.integers(0, 1000),
    lost=st.floats(0, 0.3),
)
def test_reordering_loss_duplicates_and_wrap_around_are_undone(
    first: int, count: int, seed: int, lost: float
) -> None:
    chance = random.Random(seed)
    sent = [first + number for number in range(count)]
    kept = [sequence for sequence in sent if sequence == first or chance.random() >= lost]
    arrivals = [
        ((sequence - first) * 20_000_000 + chance.randrange(0, 500_000_000), sequence)
        for sequence in kept
        for _ in range(1 + (chance.random() < 0.1))
    ]
    arrivals.sort(key=lambda one: (one[1] != first, one[0]))  # what is older than the first packet is not wanted
    found = list(ordered(packets(arrivals)))
    assert [packet.sequence for packet in found] == kept
    assert [packet.timestamp - found[0].timestamp for packet in found] == [(s - first) * 960 for s in kept]


def test_a_retransmission_that_is_late_goes_to_its_place() -> None:
    arrivals = [(number * SECOND // 50, number) for number in range(60) if number != 30]
    arrivals.insert(50, (SECOND + 1, 30))
    assert [packet.sequence for packet in ordered(packets(arrivals))] == list(range(60))


def test_a_gap_is_given_up_after_two_seconds() -> None:
    arrivals = [(number * SECOND // 50, number) for number in range(200) if number != 30]
    given_up = []
    for packet in ordered(iter(packets(arrivals))):
        given_up.append(packet.sequence)
    assert given_up == [number for number in range(200) if number != 30]


def test_a_restarted_numbering_goes_on() -> None:
    arrivals = [(number, number) for number in range(10)] + [
        (20 + number, 20_000 + number) for number in range(10)
    ]
    assert [packet.sequence for packet in ordered(packets(arrivals))] == [*range(10), *range(20_000, 20_010)]


def test_levels_reports_and_marks_are_read() -> None:
    sent = tone(track("MIC", Sender("ann", clock_ahead_s=3600), "microphone", "opus"), 0, 0.1, 440, level=17)
    sent.mark(0.2, enabled=False)
    records = list(journal.Journal(sent.bytes()))
    items = list(Reader(sent.header).read(records))
    heard = [item for item in items if isinstance(item, Packet)]
    assert len(heard) == 5
    assert {packet.level for packet in heard} == {17}
    [report] = [item for item in items if isinstance(item, Report)]
    assert report.cname == b"cname"
    assert report.timestamp == heard[0].timestamp
    assert [item.what for item in items if isinstance(item, Mark)] == [{"enabled": False}]


def test_other_payload_types_and_garbage_are_skipped() -> None:
    records = [
        Record(journal.RTP, 1, rtp(1, 1, payload_type=13)),
        Record(journal.RTP, 1, b"no RTP"),
        Record(journal.SENDER_REPORT, 1, b"\x80\xc8\x00"),
        Record(99, 1, b"a kind from the future"),
        Record(journal.RTP, 1, rtp(2, 2)),
    ]
    [only] = Reader(HEADER).read(records)
    assert isinstance(only, Packet)
    assert only.sequence == 2


@given(st.lists(st.tuples(st.sampled_from([journal.RTP, journal.SENDER_REPORT, journal.MARK]), st.binary())))
def test_arbitrary_records_raise_nothing(records: list[tuple[int, bytes]]) -> None:
    read = Reader(HEADER).read(Record(kind, 5, data) for kind, data in records)
    list(ordered(item for item in read if isinstance(item, Packet)))


@pytest.mark.parametrize("first", [0, 0xFFFF])
def test_one_packet_alone(first: int) -> None:
    assert [packet.sequence for packet in ordered(packets([(5, first)]))] == [first]
