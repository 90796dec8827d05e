"""STUN binding requests and responses, as they come and with a valid header and FINGERPRINT put around them."""

import struct
from zlib import crc32

from mediaserver.media.net import stun
from tests.fuzz.target import Target

PASSWORD = b"a password of 22 chars"


def run(data: bytes) -> None:
    for message in (data, sealed(0x0001, data), sealed(0x0101, data)):
        if stun.is_response(message):
            answered(message)
        else:
            asked(message)


def sealed(kind: int, attributes: bytes) -> bytes:
    """What a peer that computes FINGERPRINT sends with these attributes (RFC 8489 section 14.7)."""
    attributes = attributes[: len(attributes) // 4 * 4]
    message = struct.pack("!HHI12s", kind, len(attributes) + 8, stun.COOKIE, b"transaction!") + attributes
    return message + struct.pack("!HHI", stun.FINGERPRINT, 4, crc32(message) ^ 0x5354554E)


def asked(message: bytes) -> None:
    try:
        request = stun.parse_request(message)
    except stun.Malformed:
        return
    assert 4 <= len(request.local_ufrag) <= 256 and len(request.signature) == 20
    assert not request.has_integrity(PASSWORD) or len(request.signed) >= 20
    answer = stun.error(request.transaction, 420, PASSWORD, request.unknown)
    assert stun.parse_response(answer).has_integrity(PASSWORD)
    answer = stun.success(request.transaction, ("192.0.2.1", 4000), PASSWORD)
    assert stun.parse_response(answer).success


def answered(message: bytes) -> None:
    try:
        response = stun.parse_response(message)
    except stun.Malformed:
        return
    assert len(response.transaction) == 12 and len(response.signature) == 20
    assert not response.has_integrity(PASSWORD) or len(response.signed) >= 20


TARGET = Target("stun", run, packages=("mediaserver.media.net.stun",), max_length=1400)
