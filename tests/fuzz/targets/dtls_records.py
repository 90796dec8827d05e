"""Records and handshake fragments of a DTLS client, as they come and in any order, overlapping and repeated."""

import random
import struct
from contextlib import suppress

from mediaserver.media.core.packets import dtls_records as dtls
from tests.fuzz.target import Target

MOST_HELD = dtls.MAX_AHEAD_BYTES + dtls.MAX_MESSAGE


def run(data: bytes) -> None:
    reader, seen = dtls.HandshakeReader(), Seen()
    for start in range(0, len(data), 600):
        seen.check(reader.read(data[start : start + 600]))
        assert reader.held_bytes <= MOST_HELD
    for fragment in fragments(data):
        seen.check(reader.read(record(fragment)))
        assert reader.held_bytes <= MOST_HELD
    reassembled(data)
    with suppress(dtls.Malformed):
        assert b"".join(dtls.packed(data, 100)) == data


class Seen:
    """What OpenSSL is given is well formed: whole messages, one after the other."""

    def __init__(self) -> None:
        self.next = 0

    def check(self, out: bytes) -> None:
        for each in dtls.records(out):
            if each.epoch == 0 and each.kind == dtls.HANDSHAKE:
                _, length, number, offset, size = struct.unpack("!B3sH3s3s", each.body[:12])
                assert (number, offset, length) == (self.next, bytes(3), size)
                assert int.from_bytes(length, "big") == len(each.body) - 12
                self.next += 1


def record(body: bytes) -> bytes:
    return struct.pack("!BHHHIH", dtls.HANDSHAKE, 0xFEFD, 0, 0, 7, len(body)) + body


def fragment(number: int, length: int, offset: int, data: bytes) -> bytes:
    sizes = [value.to_bytes(3, "big") for value in (length, offset, len(data))]
    return struct.pack("!B3sH3s3s", 1, sizes[0], number, sizes[1], sizes[2]) + data


def fragments(data: bytes) -> list[bytes]:
    """Fragments near to sound ones: number, length, offset and size from four bytes each."""
    found = []
    for at in range(0, len(data) - 4, 4):
        number, length, offset, size = data[at : at + 4]
        found.append(fragment(number % 12, length * (1 + number // 12), offset, data[at : at + size % 64]))
    return found


def reassembled(body: bytes) -> None:
    """Whatever the order, a message comes out as it was."""
    chance = random.Random(body)
    parts = []
    for at in range(0, len(body), 50):
        start = max(0, at - chance.randrange(30))
        parts.append(fragment(0, len(body), start, body[start : at + 50]))
    parts += chance.choices(parts, k=3) if parts else [fragment(0, 0, 0, b"")]
    chance.shuffle(parts)
    reader = dtls.HandshakeReader()
    out = b"".join(reader.read(record(part)) for part in parts)
    (message,) = dtls.records(out)
    assert message.body[12:] == body and reader.held_bytes <= MOST_HELD


TARGET = Target("dtls_records", run, packages=("mediaserver.media.core.packets.dtls_records",))
