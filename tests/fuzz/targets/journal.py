"""Recording journals, as they are and with records whose checksums are right, and what is read from them."""

from collections.abc import Iterator

from mediaserver.recording.capture import journal
from mediaserver.recording.capture.journal import Header, Journal
from mediaserver.recording.timeline.depacketize import units
from mediaserver.recording.timeline.packets import Packet, Reader, ordered
from tests.fuzz.target import Target

CODECS = ("opus", "VP8", "H264")


def run(data: bytes) -> None:
    sound(data)
    codec = CODECS[data[0] % 3] if data else "VP8"
    header = Header(
        recording="r", session="s", track="t", participant="p", user="u", username="n", source="camera",
        kind="video", codec=codec, clock_rate=90_000, payload_type=96, started_ns=0, audio_level_id=1,
        parameters="sprop-parameter-sets=" + data[1:9].decode("latin-1"),
    )  # fmt: skip
    records = list(pieces(data[9:]))
    text = journal.encode_header(header) + b"".join(journal.encode(*one) for one in records)
    read = sound(text)
    assert len(read) == len(records)
    sound(journal.MAGIC + journal.encode(journal.HEADER, 0, data))
    items = list(Reader(header).read(read))
    for unit in units(header, ordered(item for item in items if isinstance(item, Packet))):
        assert unit.data


def sound(data: bytes) -> list[journal.Record]:
    """Reading never raises, gives the same twice, and the sound part is what its records say."""
    one = Journal(data)
    records = list(one)
    end, damage = one.end, one.damage
    assert list(one) == records and (one.end, one.damage) == (end, damage) and end <= len(data)
    encoded = b"".join(journal.encode(record.kind, record.arrival_ns, record.data) for record in records)
    assert data[:end].endswith(encoded)
    for record in records:
        assert isinstance(journal.mark_of(record), dict)
    return records


def pieces(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Records cut out of the input: a kind, a time and a length, then the bytes."""
    at, now = 0, 0
    while at + 3 <= len(data):
        kind, wait, size = data[at] % 5, data[at + 1], data[at + 2]
        now += wait * 20_000_000
        if kind != journal.HEADER:
            yield kind, now, data[at + 3 : at + 3 + size]
        at += 3 + size


TARGET = Target(
    "journal",
    run,
    packages=(
        "mediaserver.recording.capture.journal",
        "mediaserver.recording.timeline.packets",
        "mediaserver.recording.timeline.depacketize",
    ),
    max_length=4096,
)  # fmt: skip
