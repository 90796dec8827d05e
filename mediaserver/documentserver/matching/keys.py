"""BSON's order as bytes: `encode(a) < encode(b)` exactly when MongoDB sorts a before b.

No encoding is a prefix of another, so encodings can be joined into compound keys, and inverting all bits of one
reverses its order. Equal numbers of different types have one encoding. The first byte is the type's rank, which
is what range queries compare within.
"""

import math
import struct
from collections.abc import Callable
from typing import Any

from bson import Binary, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from mediaserver.documentserver.errors import CommandError


class Missing:
    """The value of a path that leads nowhere. Sorts and indexes as null, but does not exist."""

    def __repr__(self) -> str:
        return "missing"


MISSING = Missing()
UNDEFINED = b"\x04"  # how an empty array is indexed: before null
RANK_NULL, RANK_NUMBER, RANK_STRING, RANK_OBJECT, RANK_ARRAY = 5, 10, 15, 20, 25
RANK_BINARY, RANK_OBJECT_ID, RANK_BOOL, RANK_DATE, RANK_TIMESTAMP, RANK_REGEX = 30, 35, 40, 45, 47, 50
RANK_MIN, RANK_MAX = 1, 127

NULL = bytes([RANK_NULL])
NAN = bytes([RANK_NUMBER]) + bytes(10)
_INVERTED = bytes(255 - value for value in range(256))
_DOUBLE, _U64, _U16, _U32 = struct.Struct(">d"), struct.Struct(">Q"), struct.Struct(">H"), struct.Struct(">I")
_SIGN = 1 << 63


def encode(value: Any) -> bytes:
    if type(value) is str:
        return _string(value)
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        raise CommandError(2, f"values of type {type(value).__name__} cannot be compared here")
    return encoder(value)


def invert(key: bytes) -> bytes:
    return key.translate(_INVERTED)


def after(prefix: bytes) -> bytes:
    """The smallest key above every key that begins with `prefix`."""
    prefix = prefix.rstrip(b"\xff")
    return prefix[:-1] + bytes([prefix[-1] + 1])


def _number(value: float) -> bytes:
    """The nearest double, then how far the integer lies from it (beyond 2**53 several share a double)."""
    if value != value:
        return NAN
    double = float(value)
    rest = 0 if isinstance(value, float) or math.isinf(double) else int(value) - int(double)
    (bits,) = _U64.unpack(_DOUBLE.pack(double + 0.0))
    ordered = bits ^ 0xFFFFFFFFFFFFFFFF if bits & _SIGN else bits | _SIGN
    return bytes([RANK_NUMBER]) + _U64.pack(ordered) + _U16.pack(rest + 0x8000)


def _text(value: str) -> bytes:
    return value.encode().replace(b"\0", b"\0\xff") + b"\0\0"


def _string(value: str) -> bytes:
    return b"\x0f%b\0\0" % value.encode() if "\0" not in value else b"\x0f" + _text(value)


def _object(value: dict[str, Any]) -> bytes:
    parts = [bytes([RANK_OBJECT])]
    for name, item in value.items():
        key = encode(item)
        parts += [key[:1], name.encode(), b"\0", key]
    return b"".join((*parts, b"\0"))


def _array(value: list[Any]) -> bytes:
    return b"".join((bytes([RANK_ARRAY]), *map(encode, value), b"\0"))


def _binary(value: bytes) -> bytes:
    subtype = value.subtype if isinstance(value, Binary) else 0
    return bytes([RANK_BINARY]) + _U32.pack(len(value)) + bytes([subtype]) + value


def _date(value: DatetimeMS) -> bytes:
    return bytes([RANK_DATE]) + _U64.pack(int(value) + _SIGN)


def _regex(value: Regex[str]) -> bytes:
    pattern = value.pattern if isinstance(value.pattern, str) else value.pattern.decode()
    return bytes([RANK_REGEX]) + _text(pattern) + _U32.pack(value.flags)


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    MinKey: lambda _: bytes([RANK_MIN]),
    MaxKey: lambda _: bytes([RANK_MAX]),
    Missing: lambda _: NULL,
    type(None): lambda _: NULL,
    bool: lambda value: bytes([RANK_BOOL, value]),
    int: _number,
    Int64: _number,
    float: _number,
    str: _string,
    dict: _object,
    list: _array,
    bytes: _binary,
    Binary: _binary,
    ObjectId: lambda value: bytes([RANK_OBJECT_ID]) + value.binary,
    DatetimeMS: _date,
    Timestamp: lambda value: bytes([RANK_TIMESTAMP]) + _U32.pack(value.time) + _U32.pack(value.inc),
    Regex: _regex,
}
