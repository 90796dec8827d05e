"""RTP headers, their extensions and retransmission: all is patched in place and stays inside the packet."""

from mediaserver.media.core.packets import demux, rtp
from tests.fuzz.target import Target

TABLE = bytes((number * 7 + 1) % 16 for number in range(256))
RTX = {"payload_type": 97, "ssrc": 0x01020304, "sequence": 7, "timestamp": 9, "original_sequence": 11}


def run(data: bytes) -> None:
    demux.classify(data, len(data))
    header = rtp.parse(data, len(data))
    if header is None:
        return
    assert header.length == len(data) and 12 <= header.header_length <= len(data)
    last = header.ext_start
    for number, start, offset, length in rtp.elements(data, header):
        assert last <= start < offset <= offset + length <= header.ext_end
        last = offset + length
        assert rtp.extension(data, header, number) is not None
    renumbered(data, header)
    retransmitted(data, header)


def renumbered(data: bytes, header: rtp.RtpHeader) -> None:
    buffer = bytearray(data)
    rtp.rewrite_extensions(buffer, header, TABLE)
    assert len(buffer) == len(data)
    assert buffer[: header.ext_start] == data[: header.ext_start]
    assert not header.ext_start or buffer[header.ext_end :] == data[header.ext_end :]
    assert rtp.parse(buffer, len(buffer)) == header
    kept = [number for number, *_ in rtp.elements(data, header) if TABLE[number] not in (0, 15)]
    assert header.ext_profile != rtp.ONE_BYTE or len(rtp.elements(buffer, header)) == len(kept)


def retransmitted(data: bytes, header: rtp.RtpHeader) -> None:
    rtp.rtx_unwrap(bytearray(data), header, 96, 5)
    out = bytearray(len(data) + 8)
    length = rtp.rtx_wrap(out, 3, data, header, **RTX)
    wrapped = out[3 : 3 + length]
    read = rtp.parse(wrapped, length)
    assert length == len(data) + 2 and read is not None
    original = rtp.rtx_unwrap(wrapped, read, header.payload_type, header.ssrc)
    assert original is not None
    assert original == header._replace(sequence=11, timestamp=9)
    assert wrapped[12 : original.length] == data[12:]


TARGET = Target(
    "rtp", run, packages=("mediaserver.media.core.packets.rtp", "mediaserver.media.core.packets.demux")
)
