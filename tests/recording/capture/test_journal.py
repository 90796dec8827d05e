"""Journals: whatever happens to the file, its sound beginning is read and nothing else."""

import mmap
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mediaserver.recording.capture import journal
from mediaserver.recording.capture.journal import Header, Journal, Record

HEADER = Header(
    recording="R", session="S", track="T", participant="P", user="U", username="ümit", source="microphone",
    kind="audio", codec="opus", clock_rate=48000, channels=2, payload_type=111, audio_level_id=1, started_ns=5,
)  # fmt: skip

records = st.lists(
    st.builds(
        Record,
        kind=st.sampled_from([journal.RTP, journal.SENDER_REPORT, journal.END]),
        arrival_ns=st.integers(0, 2**64 - 1),
        data=st.binary(max_size=300),
    ),
    max_size=12,
)


def write(written: list[Record]) -> bytes:
    return journal.encode_header(HEADER) + b"".join(
        journal.encode(record.kind, record.arrival_ns, record.data) for record in written
    )


@given(records)
def test_what_is_written_is_read_back_any_number_of_times(written: list[Record]) -> None:
    read = Journal(write(written))
    assert read.header == HEADER
    assert list(read) == written
    assert list(read) == written
    assert read.damage is None


@given(records, st.data())
def test_a_truncated_journal_gives_its_whole_records(written: list[Record], data: st.DataObject) -> None:
    whole = write(written)
    cut = data.draw(st.integers(0, len(whole)))
    read = Journal(whole[:cut])
    found = list(read)
    assert found == written[: len(found)]
    if cut < len(whole) and read.header is not None:
        assert len(write(found)) == read.end <= cut
        assert (read.damage is None) == (read.end == cut)
    if cut < len(journal.encode_header(HEADER)):
        assert read.header is None
        assert read.damage


@given(records.filter(bool), st.data())
def test_a_flipped_bit_ends_the_reading_at_its_record(written: list[Record], data: st.DataObject) -> None:
    whole = bytearray(write(written))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    read = Journal(bytes(whole))
    found = list(read)
    assert read.damage
    assert found == written[: len(found)]
    assert len(found) < len(written)
    assert read.end <= at


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_no_error(garbage: bytes) -> None:
    for buffer in (garbage, journal.MAGIC + garbage, journal.encode_header(HEADER) + garbage):
        read = Journal(buffer)
        list(read)
        assert read.end <= len(buffer)


def test_a_header_of_another_shape_is_damage() -> None:
    read = Journal(journal.MAGIC + journal.encode(journal.HEADER, 0, b'{"recording": 1}'))
    assert read.header is None
    assert read.damage is not None
    assert "header" in read.damage
    assert list(read) == []


def test_a_journal_is_read_from_a_mapped_file(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    path.write_bytes(write([Record(journal.RTP, 7, b"packet")]) + journal.encode_mark(8, enabled=False))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        [packet, mark] = Journal(mapped)
    assert packet == Record(journal.RTP, 7, b"packet")
    assert journal.mark_of(mark) == {"enabled": False}
    assert journal.mark_of(packet) == {}
