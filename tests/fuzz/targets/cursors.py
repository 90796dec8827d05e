"""Cursors of lists: what clients send, and positions with a valid digest."""

import base64

from mediaserver.base.errors import Invalid
from mediaserver.domain.social.tweets import Tweet
from mediaserver.store import paging
from tests.fuzz.target import Target

ORDERS: tuple[paging.Order, ...] = (
    [("_id", 1)],
    [("_id", -1)],
    [("timestamp", -1), ("_id", -1)],
    [("likesCount", 1), ("timestamp", 1), ("_id", 1)],
)


def run(data: bytes) -> None:
    order = ORDERS[data[0] % len(ORDERS)] if data else ORDERS[0]
    for cursor in (data.decode("utf-8", "replace"), signed(data[1:], order)):
        try:
            values = paging.decode_cursor(cursor, "tweets", order)
        except Invalid:
            continue
        filters = paging.after(order, values, Tweet)
        assert filters
        last = {name: value for (name, _), value in zip(order, values, strict=True)}
        assert paging.decode_cursor(paging.encode_cursor(last, "tweets", order), "tweets", order) is not None


def signed(data: bytes, order: paging.Order) -> str:
    """A forged position: the digest is no secret."""
    return base64.urlsafe_b64encode(paging._digest(data, "tweets", order) + data).decode().rstrip("=")


TARGET = Target(
    "cursors",
    run,
    (Invalid,),
    ("mediaserver.store.paging",),
    max_length=1024,
    words=(b"v\0", b"\x040\0", b"\x09", b"\x12"),
)
