"""STUN binding requests and responses, in both directions (RFC 8489, RFC 8445).

Everything except a well-formed binding request with a valid FINGERPRINT, or a well-formed binding response, is
`Malformed`; keys are used only after that.
"""

import hmac
import ipaddress
import struct
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from zlib import crc32

COOKIE: Final = 0x2112A442
BINDING_REQUEST: Final = 0x0001
BINDING_RESPONSE: Final = 0x0101
BINDING_ERROR: Final = 0x0111

USERNAME: Final = 0x0006
MESSAGE_INTEGRITY: Final = 0x0008
ERROR_CODE: Final = 0x0009
UNKNOWN_ATTRIBUTES: Final = 0x000A
XOR_MAPPED_ADDRESS: Final = 0x0020
PRIORITY: Final = 0x0024
USE_CANDIDATE: Final = 0x0025
FINGERPRINT: Final = 0x8028
ICE_CONTROLLED: Final = 0x8029
ICE_CONTROLLING: Final = 0x802A

MAX_REQUEST: Final = 1280
"""Largest message. Browsers' checks have about 100 bytes; none needs more than the smallest IPv6 MTU."""

_HEADER: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")
_FINGERPRINT_XOR: Final = 0x5354554E
_KNOWN_REQUIRED: Final = frozenset({USERNAME, MESSAGE_INTEGRITY, PRIORITY, USE_CANDIDATE})
_RESPONSE_TYPES: Final = frozenset({b"\x01\x01", b"\x01\x11"})
_PEER_REFLEXIVE_PRIORITY: Final = 110 << 24 | 65535 << 8 | 255
"""Priority in our requests (RFC 8445 sections 7.1.1 and 5.1.2.1). Clients ignore it as the controlling agents."""
_REASONS: Final = {400: b"Bad Request", 420: b"Unknown Attribute", 487: b"Role Conflict"}

Address = tuple[Any, ...]
"""A socket address: (host, port) or (host, port, flow, scope)."""


class Malformed(ValueError):
    """Not a STUN binding request or response."""


class Credentials(NamedTuple):
    """The ICE username fragment and password of one end (RFC 8445 section 5.3)."""

    ufrag: str
    password: str


@dataclass(slots=True, frozen=True)
class Request:
    """A binding request whose MESSAGE-INTEGRITY was not checked yet."""

    transaction: bytes
    local_ufrag: str
    use_candidate: bool
    controlled: bool
    """Whether the sender claims the controlled role, which is ours."""
    unknown: tuple[int, ...]
    """Unknown comprehension-required attributes (RFC 8489 section 14)."""
    signed: bytes
    """The bytes that MESSAGE-INTEGRITY covers, with the length field as the signer saw it."""
    signature: bytes

    def has_integrity(self, password: bytes) -> bool:
        """Return whether the sender knows the password of the end that it addresses."""
        return _is_signed(self, password)


@dataclass(slots=True, frozen=True)
class Response:
    """A binding response whose MESSAGE-INTEGRITY was not checked yet."""

    transaction: bytes
    success: bool
    """False for an error response."""
    signed: bytes
    """The bytes that MESSAGE-INTEGRITY covers, with the length field as the signer saw it."""
    signature: bytes

    def has_integrity(self, password: bytes) -> bool:
        """Return whether it is signed with the password of the request (RFC 8489 section 9.1.4)."""
        return _is_signed(self, password)


def _is_signed(message: Request | Response, password: bytes) -> bool:
    return hmac.compare_digest(hmac.digest(password, message.signed, "sha1"), message.signature)


def is_response(data: bytes) -> bool:
    """Return whether a datagram claims to be a binding response, successful or not."""
    return data[:2] in _RESPONSE_TYPES


def parse_response(data: bytes) -> Response:
    """Parse a binding response. Raises: Malformed.

    FINGERPRINT is not checked: it only distinguishes STUN from other traffic, and a response needs a
    transaction id that we chose and a valid MESSAGE-INTEGRITY.
    """
    if not 44 <= len(data) <= MAX_REQUEST or len(data) % 4:
        raise Malformed("length")
    kind, length, cookie, transaction = _HEADER.unpack_from(data)
    if kind not in (BINDING_RESPONSE, BINDING_ERROR) or cookie != COOKIE or length != len(data) - 20:
        raise Malformed("header")
    offset, end = 20, len(data)
    while offset < end:
        attribute, size = _ATTRIBUTE.unpack_from(data, offset)
        if offset + 4 + size > end:
            raise Malformed("attribute")
        if attribute == MESSAGE_INTEGRITY:
            if size != 20:
                raise Malformed("integrity")
            return Response(transaction, kind == BINDING_RESPONSE, *_split_at_integrity(data, offset))
        offset += 4 + (size + 3 & ~3)
    raise Malformed("integrity")


def _split_at_integrity(data: bytes, offset: int) -> tuple[bytes, bytes]:
    """Return the bytes that MESSAGE-INTEGRITY at `offset` covers, and its value (RFC 8489 section 14.5)."""
    signed = data[:2] + struct.pack("!H", offset + 24 - 20) + data[4:offset]
    return signed, data[offset + 4 : offset + 24]


def parse_request(data: bytes) -> Request:
    """Parse a binding request. Raises: Malformed."""
    if not 28 <= len(data) <= MAX_REQUEST or len(data) % 4:
        raise Malformed("length")
    kind, length, cookie, transaction = _HEADER.unpack_from(data)
    if kind != BINDING_REQUEST or cookie != COOKIE or length != len(data) - 20:
        raise Malformed("header")
    # FINGERPRINT is the last attribute, and ICE requires it (RFC 8445 section 7.1): the cheapest test comes
    # first.
    if data[-8:-4] != b"\x80\x28\x00\x04" or int.from_bytes(data[-4:], "big") != _fingerprint(data[:-8]):
        raise Malformed("fingerprint")
    return _parse_attributes(data, transaction)


def _parse_attributes(data: bytes, transaction: bytes) -> Request:
    username, integrity_at = "", 0
    use_candidate = controlled = False
    unknown: list[int] = []
    offset, end = 20, len(data) - 8
    while offset < end:
        kind, size = _ATTRIBUTE.unpack_from(data, offset)
        start = offset + 4
        if start + size > end:
            raise Malformed("attribute")
        if kind == MESSAGE_INTEGRITY:
            if size != 20:
                raise Malformed("integrity")
            integrity_at = offset
            break  # attributes after it are not signed (RFC 8489 section 14.5)
        if kind == USERNAME:
            username = _username(data[start : start + size])
        elif kind == USE_CANDIDATE:
            use_candidate = True
        elif kind == ICE_CONTROLLED:
            controlled = True
        elif kind < 0x8000 and kind not in _KNOWN_REQUIRED:
            unknown.append(kind)
        offset = start + (size + 3 & ~3)
    if not integrity_at or not username:
        raise Malformed("integrity")
    signed, signature = _split_at_integrity(data, integrity_at)
    return Request(transaction, username, use_candidate, controlled, tuple(unknown), signed, signature)


def _username(value: bytes) -> str:
    """The part before the colon, which is ours (RFC 8445 section 7.2.2)."""
    local, colon, _ = value.partition(b":")
    if not colon or not 4 <= len(local) <= 256 or not local.isascii():
        raise Malformed("username")
    return local.decode("ascii")


def request(transaction: bytes, local_ufrag: str, remote: Credentials) -> bytes:
    """Return a binding request to a client: we are always the controlled agent (RFC 8445 section 7.1).

    The tie-breaker is 0: in a role conflict the client keeps or takes the controlling role (section 7.3.1.1) and
    responds with success in either case.
    """
    body = _encode(USERNAME, f"{remote.ufrag}:{local_ufrag}".encode())
    body += _encode(PRIORITY, struct.pack("!I", _PEER_REFLEXIVE_PRIORITY)) + _encode(ICE_CONTROLLED, bytes(8))
    return _signed(BINDING_REQUEST, transaction, body, remote.password.encode())


def success(transaction: bytes, mapped: Address, password: bytes) -> bytes:
    """Return the signed success response, with the address from which the request arrived."""
    return _signed(
        BINDING_RESPONSE, transaction, _encode(XOR_MAPPED_ADDRESS, xor_address(mapped, transaction)), password
    )


def error(transaction: bytes, code: int, password: bytes, unknown: tuple[int, ...] = ()) -> bytes:
    """Return an error response; with 420 it lists the unknown attributes."""
    body = _encode(ERROR_CODE, struct.pack("!HBB", 0, code // 100, code % 100) + _REASONS[code])
    if unknown:
        body += _encode(UNKNOWN_ATTRIBUTES, struct.pack(f"!{len(unknown)}H", *unknown))
    return _signed(BINDING_ERROR, transaction, body, password)


def xor_address(address: Address, transaction: bytes) -> bytes:
    """Return XOR-MAPPED-ADDRESS (RFC 8489 section 14.2); IPv4-mapped IPv6 addresses are written as IPv4."""
    host = ipaddress.ip_address(address[0].partition("%")[0])
    if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped:
        host = host.ipv4_mapped
    mask = struct.pack("!I", COOKIE) + transaction
    packed = bytes(byte ^ key for byte, key in zip(host.packed, mask, strict=False))
    return struct.pack("!BBH", 0, 1 if host.version == 4 else 2, address[1] ^ COOKIE >> 16) + packed


def _encode(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _signed(kind: int, transaction: bytes, body: bytes, password: bytes) -> bytes:
    covered = _HEADER.pack(kind, len(body) + 24, COOKIE, transaction) + body
    body += _encode(MESSAGE_INTEGRITY, hmac.digest(password, covered, "sha1"))
    message = _HEADER.pack(kind, len(body) + 8, COOKIE, transaction) + body
    return message + _encode(FINGERPRINT, struct.pack("!I", crc32(message) ^ _FINGERPRINT_XOR))


def _fingerprint(covered: bytes) -> int:
    return crc32(covered) ^ _FINGERPRINT_XOR
