"""The client's handshake messages are put together in any order, within bounds."""

import itertools
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.packets import dtls_records
from mediaserver.media.core.packets.dtls_records import HandshakeReader, Malformed, packed, records

CLIENT_HELLO, CERTIFICATE = 1, 11


def record(body: bytes, sequence: int = 0, kind: int = 22, epoch: int = 0, version: int = 0xFEFD) -> bytes:
    return struct.pack("!BHHHIH", kind, version, epoch, 0, sequence, len(body)) + body


def fragment(kind: int, number: int, message: bytes, offset: int = 0, size: int | None = None) -> bytes:
    part = message[offset : offset + (len(message) if size is None else size)]
    lengths = [value.to_bytes(3, "big") for value in (len(message), offset, len(part))]
    return bytes([kind]) + lengths[0] + number.to_bytes(2, "big") + lengths[1] + lengths[2] + part


def whole(kind: int, number: int, message: bytes) -> bytes:
    """The handshake message as OpenSSL should be given it."""
    return fragment(kind, number, message)


def bodies(out: bytes) -> list[bytes]:
    return [one.body for one in records(out)]


HELLO = random.Random(1).randbytes(1900)
"""As large as one with an X25519MLKEM768 key share."""


@given(
    st.lists(st.integers(1, 1899), max_size=8, unique=True),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_fragments_in_any_order_and_repeated_make_one_message(
    cuts: list[int], repeated: int, chance: random.Random
) -> None:
    edges = [0, *sorted(cuts), len(HELLO)]
    parts = [fragment(CLIENT_HELLO, 0, HELLO, first, last - first) for first, last in itertools.pairwise(edges)]
    parts = parts * (1 + repeated)
    chance.shuffle(parts)
    reader = HandshakeReader()
    out = b"".join(reader.read(record(part, number)) for number, part in enumerate(parts))
    assert bodies(out) == [whole(CLIENT_HELLO, 0, HELLO)]
    assert reader.held_bytes == 0


@given(st.lists(st.tuples(st.integers(0, 1899), st.integers(0, 700)), min_size=1, max_size=30))
def test_overlapping_fragments_make_the_message_when_all_of_it_has_come(spans: list[tuple[int, int]]) -> None:
    reader, seen, out = HandshakeReader(), bytearray(len(HELLO)), b""
    for offset, size in spans:
        size = min(size, len(HELLO) - offset)
        if not all(seen):
            seen[offset : offset + size] = b"\x01" * size
        out += reader.read(record(fragment(CLIENT_HELLO, 0, HELLO, offset, size)))
    assert bodies(out) == ([whole(CLIENT_HELLO, 0, HELLO)] if all(seen) else [])


def test_messages_leave_in_order_with_records_numbered_anew() -> None:
    reader = HandshakeReader()
    assert reader.read(record(fragment(CERTIFICATE, 1, b"two"), 9)) == b""
    out = list(records(reader.read(record(fragment(CLIENT_HELLO, 0, b"one"), 4, version=0xFEFF))))
    assert [one.body for one in out] == [whole(CLIENT_HELLO, 0, b"one"), whole(CERTIFICATE, 1, b"two")]
    numbers = [int.from_bytes(one.raw[5:11], "big") for one in out]
    assert len(set(numbers)) == 2 and {one.version for one in out} == {0xFEFF}
    assert reader.read(record(fragment(CLIENT_HELLO, 0, b"one"), 5)) == b"", "a repeated message is dropped"


def test_several_messages_in_a_record_and_records_in_a_datagram() -> None:
    reader = HandshakeReader()
    datagram = record(fragment(16, 0, b"a") + fragment(15, 1, b"")) + record(b"\x01", kind=20)
    datagram += record(b"finished", epoch=1)
    out = reader.read(datagram)
    assert bodies(out) == [whole(16, 0, b"a"), whole(15, 1, b""), b"\x01", b"finished"]
    assert [one.epoch for one in records(out)] == [0, 0, 0, 1]


def test_what_a_fragment_claims_reserves_little_memory() -> None:
    reader = HandshakeReader()
    for number in range(1, 60_000):
        reader.read(record(fragment(11, number, bytes(15_000), 0, 1)))
    assert reader.held_bytes <= dtls_records.MAX_AHEAD_BYTES
    reader.read(record(fragment(1, 0, bytes(15_000), 0, 1)))
    assert reader.held_bytes <= dtls_records.MAX_AHEAD_BYTES + dtls_records.MAX_MESSAGE


def test_the_message_whose_turn_it_is_always_has_room() -> None:
    reader = HandshakeReader()
    for number in range(1, 9):
        reader.read(record(fragment(11, number, bytes(16_000), 0, 1)))
    assert bodies(reader.read(record(fragment(1, 0, HELLO)))) == [whole(1, 0, HELLO)]


def test_too_long_a_message_is_dropped() -> None:
    reader = HandshakeReader()
    assert reader.read(record(fragment(1, 0, bytes(16_001), 0, 10))) == b""
    assert reader.held_bytes == 0


def test_a_message_in_single_bytes_makes_no_endless_list_of_holes() -> None:
    reader = HandshakeReader()
    for offset in range(0, 1900, 2):
        reader.read(record(fragment(1, 0, HELLO, offset, 1)))
    assert len(reader._messages[0].gaps) <= dtls_records.MAX_GAPS
    assert bodies(reader.read(record(fragment(1, 0, HELLO)))) == [whole(1, 0, HELLO)]


def test_few_encrypted_records_are_passed_on_before_the_end() -> None:
    reader = HandshakeReader()
    out = b"".join(reader.read(record(b"early", number, epoch=1)) for number in range(1000))
    assert len(bodies(out)) == dtls_records.MAX_ENCRYPTED
    assert reader.read(record(b"what", epoch=2)) == reader.read(record(b"data", kind=23)) == b""


@given(st.binary(max_size=200), st.binary(max_size=60), st.integers(20, 24))
def test_arbitrary_bytes_break_nothing(garbage: bytes, body: bytes, kind: int) -> None:
    reader = HandshakeReader()
    reader.read(garbage)
    reader.read(record(body, kind=kind) + garbage)
    assert bodies(reader.read(record(fragment(1, 0, b"")))) in ([], [whole(1, 0, b"")])


def test_every_truncation_stops_where_it_is_cut() -> None:
    datagram = record(fragment(1, 0, b"hello")) + record(b"\x01", kind=20)
    for end in range(len(datagram)):
        assert HandshakeReader().read(datagram[:end]) in (b"", record(fragment(1, 0, b"hello"), 1))


def test_flights_are_packed_into_datagrams_of_whole_records() -> None:
    flight = b"".join(record(bytes(size), number) for number, size in enumerate((100, 500, 500, 1500, 10)))
    assert [len(one) for one in packed(flight, 1200)] == [113 + 513 + 513, 1513, 23]
    assert b"".join(packed(flight, 1200)) == flight
    assert packed(b"", 1200) == []
    with pytest.raises(Malformed):
        packed(flight[:-1], 1200)
