import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.packets import rtp

PACKETS = Path(__file__).parent / "captured"
ONE_BYTE = bytes.fromhex("bede000310 61 22 010203 00 52 aabbcc".replace(" ", "") + "00")
"""Elements 1 (length 1: mid "a"), 2 (length 3), padding, 5 (length 3), padding."""
TWO_BYTE = bytes.fromhex("1000000301 02 6162 00 14 00 15 03 010203".replace(" ", ""))


def packet(
    payload: bytes = b"payload",
    *,
    sequence: int = 1000,
    extension: bytes = b"",
    csrcs: int = 0,
    padding: int = 0,
    marker: bool = False,
) -> bytearray:
    first = 0x80 | (0x20 if padding else 0) | (0x10 if extension else 0) | csrcs
    fixed = struct.pack("!BBHII", first, marker << 7 | 96, sequence, 90_000, 0x11223344)
    tail = bytes(padding - 1) + bytes((padding,)) if padding else b""
    return bytearray(fixed + bytes(4 * csrcs) + extension + payload + tail)


def read(data: bytes | bytearray) -> rtp.RtpHeader:
    header = rtp.parse(data, len(data))
    assert header is not None
    return header


def test_every_field_of_a_header() -> None:
    data = packet(extension=ONE_BYTE, csrcs=2, padding=4, marker=True)
    assert read(data) == rtp.RtpHeader(
        marker=True, payload_type=96, sequence=1000, timestamp=90_000, ssrc=0x11223344,
        header_length=36, payload_length=7, padding=4, ext_profile=0xBEDE, ext_start=24, ext_end=36,
    )  # fmt: skip
    assert read(data).length == len(data) == 47


def test_a_longer_buffer_than_the_packet() -> None:
    data = packet()
    header = rtp.parse(memoryview(data + bytes(100)), len(data))
    assert header is not None
    assert (header.payload_length, header.ext_start) == (7, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(packet()[:11]),
        b"\x40" + packet()[1:],  # version 1
        b"\x8f" + packet()[1:],  # 15 CSRCs
        b"\x90" + packet(b"\xbe\xde\x00")[1:],  # no whole extension header
        b"\x90" + packet(b"\xbe\xde\x00\x01abc")[1:],  # extension beyond the packet
        b"\xa0" + packet(b"\x00")[1:],  # padding of 0
        b"\xa0" + packet(b"\x02")[1:],  # more padding than payload
        b"\xa0" + packet(b"")[1:],  # no room for the padding's count
    ],
)
def test_wrong_lengths_are_refused(data: bytes) -> None:
    assert rtp.parse(data, len(data)) is None


def test_padding_only() -> None:
    assert rtp.is_padding_only(read(packet(b"", padding=200)))
    assert not rtp.is_padding_only(read(packet(b"x", padding=200)))


def test_one_byte_elements() -> None:
    data = packet(extension=ONE_BYTE)
    header = read(data)
    assert rtp.elements(data, header) == [(1, 16, 17, 1), (2, 18, 19, 3), (5, 23, 24, 3)]
    assert rtp.extension(data, header, 2) == (19, 3)
    assert rtp.extension(data, header, 3) is None


def test_two_byte_elements() -> None:
    data = packet(extension=TWO_BYTE)
    header = read(data)
    assert rtp.elements(data, header) == [(1, 16, 18, 2), (20, 21, 23, 0), (21, 23, 25, 3)]


@pytest.mark.parametrize("stopper", ["f0000000", "02000000", "17000000"])
def test_what_follows_a_bad_one_byte_element_is_ignored(stopper: str) -> None:
    data = packet(extension=bytes.fromhex("bede000231616200" + stopper))
    header = read(data)
    assert rtp.elements(data, header) == [(3, 16, 17, 2)]
    rtp.rewrite_extensions(data, header, rtp.extension_map({"u": 3}, {"u": 4}))
    assert data[16:24] == bytes.fromhex("4161620000000000")


def test_an_extension_of_another_profile_is_blanked() -> None:
    data = packet(extension=bytes.fromhex("abac000101020304"))
    assert rtp.elements(data, read(data)) == []
    rtp.rewrite_extensions(data, read(data), bytes(256))
    assert data[12:20] == bytes.fromhex("abac000100000000")


def test_identifying_extensions_are_never_mapped() -> None:
    both = {rtp.MID: 1, rtp.RID: 2, rtp.REPAIRED_RID: 3, rtp.AUDIO_LEVEL: 4, rtp.TRANSPORT_CC: 5}
    table = rtp.extension_map(both, {**both, rtp.AUDIO_LEVEL: 9, rtp.TRANSPORT_CC: 10})
    assert {n: table[n] for n in range(256) if table[n]} == {4: 9, 5: 10}


def test_one_byte_elements_are_renumbered_and_blanked_in_place() -> None:
    data = packet(extension=ONE_BYTE)
    rtp.rewrite_extensions(data, read(data), rtp.extension_map({"a": 2, "b": 5}, {"a": 7, "b": 15}))
    assert data[12:28] == bytes.fromhex("bede0003000072010203000000000000")
    assert data[28:] == b"payload"


def test_two_byte_elements_are_renumbered_and_blanked_in_place() -> None:
    data = packet(extension=TWO_BYTE)
    rtp.rewrite_extensions(data, read(data), rtp.extension_map({"a": 21, "b": 20}, {"a": 200}))
    assert data[12:28] == bytes.fromhex("1000000300000000000000c803010203")


def test_a_retransmission_becomes_the_original_packet() -> None:
    original = packet(b"some payload", sequence=65535, extension=ONE_BYTE, csrcs=1, padding=3, marker=True)
    out = bytearray(200)
    length = rtp.rtx_wrap(
        out, 50, original, read(original),
        payload_type=97, ssrc=77, sequence=5, timestamp=123, original_sequence=65535,
    )  # fmt: skip
    wrapped = out[50 : 50 + length]
    assert not any(out[50 + length :])
    header = read(wrapped)
    assert (header.payload_type, header.ssrc, header.sequence, header.timestamp) == (97, 77, 5, 123)
    assert header.marker
    assert wrapped[header.header_length : header.header_length + 2] == b"\xff\xff"

    unwrapped = rtp.rtx_unwrap(memoryview(wrapped), header, 96, 0x11223344)
    assert unwrapped is not None
    assert unwrapped == read(original)._replace(timestamp=123)
    struct.pack_into("!I", wrapped, 4, 90_000)
    assert wrapped[: unwrapped.length] == original


@pytest.mark.parametrize("payload", [b"", b"\x01"])
def test_an_empty_retransmission_is_none(payload: bytes) -> None:
    data = packet(payload, padding=10)
    assert rtp.rtx_unwrap(data, read(data), 96, 1) is None


@pytest.mark.parametrize("path", sorted(PACKETS.glob("rtp_*.bin")), ids=lambda path: path.stem)
def test_packets_from_files(path: Path) -> None:
    data = path.read_bytes()
    assert (rtp.parse(data, len(data)) is None) == path.stem.endswith("_truncated")


@st.composite
def damaged(draw: st.DrawFn) -> bytearray:
    data = packet(
        draw(st.binary(max_size=20)),
        extension=draw(st.sampled_from([b"", ONE_BYTE, TWO_BYTE])),
        padding=draw(st.integers(0, 9)),
    )
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return data[: draw(st.integers(0, len(data)))]


@given(st.one_of(damaged(), st.binary(max_size=64).map(bytearray)), st.binary(min_size=256, max_size=256))
def test_no_bytes_break_the_parser_or_grow_the_packet(data: bytearray, table: bytes) -> None:
    header = rtp.parse(data, len(data))
    if header is None:
        return
    assert header.length == len(data)
    assert min(header.header_length, header.payload_length, header.padding) >= 0
    before, tail = rtp.elements(data, header), data[header.header_length :]
    assert all(header.ext_start < at and at + length <= header.ext_end for _, _, at, length in before)
    rtp.rewrite_extensions(data, header, table)
    assert {number for number, *_ in rtp.elements(data, header)} <= set(table)
    assert len(data) == header.length
    assert data[header.header_length :] == tail
    out = bytearray(len(data) + 2)
    rtp.rtx_wrap(out, 0, data, header, payload_type=1, ssrc=2, sequence=3, timestamp=4, original_sequence=5)
    rtp.rtx_unwrap(data, header, 96, 7)
    assert len(data) == header.length
