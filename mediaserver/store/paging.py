"""Keyset pagination: a cursor is a position in an order, opaque to clients and checked when it comes back."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, get_args

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError

from mediaserver.base.errors import FieldError, Invalid
from mediaserver.domain.documents.document import Document

Order = list[tuple[str, int]]
Stored = dict[str, Any]

_DIGEST_SIZE = 8
_CODEC: CodecOptions[Stored] = CodecOptions(tz_aware=True)


def total_order(sort: Sequence[tuple[str, int]]) -> Order:
    """The order with the id as its last word, so that no two documents are equal in it."""
    order = list(sort)
    if "_id" not in [name for name, _ in order]:
        order.append(("_id", order[-1][1] if order else 1))
    return order


def encode_cursor(last: Stored, collection: str, order: Order) -> str:
    data = bson.encode({"v": [_value(last, name) for name, _ in order]})
    return base64.urlsafe_b64encode(_digest(data, collection, order) + data).decode().rstrip("=")


def decode_cursor(cursor: str, collection: str, order: Order) -> list[Any]:
    """The digest is against mistakes: a forged position only looks elsewhere in the same list."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        digest, data = raw[:_DIGEST_SIZE], raw[_DIGEST_SIZE:]
        values = bson.decode(data, _CODEC)["v"] if digest == _digest(data, collection, order) else None
    except (ValueError, KeyError, BSONError) as error:
        raise _bad_cursor() from error
    if not isinstance(values, list) or len(values) != len(order):
        raise _bad_cursor()
    if not all(value is None or isinstance(value, (str, int, float, datetime)) for value in values):
        raise _bad_cursor()
    return values


def after(order: Order, values: list[Any], document: type[Document]) -> list[Stored]:
    """Filters that together leave what follows a position. The first is redundant: indexes need it."""
    alternatives: list[Stored] = []
    same: Stored = {}
    for (name, direction), value in zip(order, values, strict=True):
        alternatives += [{**same, **further} for further in _further(name, direction, value, document)]
        same[name] = {"$eq": value}
    bound = {}
    name, direction = order[0]
    if values[0] is not None and (direction == 1 or not _may_be_null(document, name)):
        bound = {name: {"$gte" if direction == 1 else "$lte": values[0]}}
    return [*([bound] if bound else []), {"$or": alternatives}]


def _further(name: str, direction: int, value: Any, document: type[Document]) -> list[Stored]:
    """What lies beyond a value in one field. Null and missing sort before everything, and no range holds them."""
    if direction == 1:
        return [{name: {"$ne": None} if value is None else {"$gt": value}}]
    if value is None:
        return []
    return [{name: {"$lt": value}}, *([{name: None}] if _may_be_null(document, name) else [])]


def _may_be_null(document: type[Document], name: str) -> bool:
    for field_name, field in document.model_fields.items():
        if name in (field.alias, field_name):
            return type(None) in get_args(field.annotation)
    return name != "_id"


def _value(stored: Any, name: str) -> Any:
    for part in name.split("."):
        stored = stored.get(part) if isinstance(stored, dict) else None
    return stored


def _digest(data: bytes, collection: str, order: Order) -> bytes:
    return hashlib.blake2b(repr((collection, order)).encode() + data, digest_size=_DIGEST_SIZE).digest()


def _bad_cursor() -> Invalid:
    return Invalid(
        "bad_cursor", "the cursor is not one of this list", [FieldError("cursor", "is not valid here")]
    )
