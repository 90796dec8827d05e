"""DTLS records before the handshake is complete: bounded memory, and whole messages in order for OpenSSL.

An input is a list of datagrams, each after its length in two bytes.
"""

from collections.abc import Iterator

from mediaserver.media.core.packets import dtls_records
from mediaserver.media.core.packets.dtls_records import HANDSHAKE, HandshakeReader, packed, records
from tests.fuzz.target import Target

_MOST_BYTES = dtls_records.MAX_AHEAD_BYTES + dtls_records.MAX_MESSAGE


def run(data: bytes) -> None:
    reader, expected, encrypted = HandshakeReader(), 0, 0
    for datagram in datagrams(data):
        out = reader.read(datagram)
        assert reader.held_bytes <= _MOST_BYTES
        assert b"".join(packed(out, 1200)) == out
        for record in records(out):
            encrypted += record.epoch
            if record.kind == HANDSHAKE and not record.epoch:
                length = int.from_bytes(record.body[1:4], "big")
                assert record.body[6:9] == bytes(3) and record.body[9:12] == record.body[1:4]
                assert len(record.body) == 12 + length <= 12 + dtls_records.MAX_MESSAGE
                assert int.from_bytes(record.body[4:6], "big") == expected, "in order, each once"
                expected += 1
    assert encrypted <= dtls_records.MAX_ENCRYPTED


def datagrams(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 2 <= len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        yield data[at + 2 : at + 2 + size]
        at += 2 + size


TARGET = Target(
    "dtls", run, packages=("mediaserver.media.core.packets.dtls_records",), max_length=4096,
    words=(b"\x16\xfe\xfd\x00\x00", b"\x14\xfe\xfd\x00\x00", b"\x16\xfe\xff\x00\x00", b"\x16\xfe\xfd\x00\x01"),
)  # fmt: skip
