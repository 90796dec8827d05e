"""Open cursors: what is left of a result, given out in batches, forgotten when nobody asks for a while.

A find keeps row numbers, not documents: a document that was deleted since is skipped, a changed one comes as it
is now, as MongoDB does it. Their number is bounded; the one that was idle longest goes first.
"""

import secrets
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from struct import Struct

from mediaserver.documentserver.errors import CommandError
from mediaserver.documentserver.matching.projection import Project
from mediaserver.documentserver.storage import Collection
from mediaserver.documentserver.wire import MAX_DOCUMENT, decode, encode

FIRST_BATCH = 101
MAX_CURSORS = 1000


@dataclass(slots=True)
class RowCursor:
    """The rest of a find."""

    namespace: str
    collection: Collection
    rows: "array[int]"
    project: Project | None
    ahead: dict[int, bytes]
    """Documents of the first batch, which need not be fetched again."""
    position: int = 0
    touched_s: float = 0.0

    def batch(self, size: int) -> list[bytes]:
        ahead, self.ahead = self.ahead, {}
        taken: list[bytes] = []
        total = 0
        while self.position < len(self.rows) and len(taken) < (size or len(self.rows)):
            number = self.rows[self.position]
            raw = ahead.get(number) or self.collection.fetch(number)
            if raw is not None:
                if total and total + len(raw) > MAX_DOCUMENT:
                    break
                total += len(raw)
                taken.append(encode(self.project(decode(raw))) if self.project else raw)
            self.position += 1
        return taken

    @property
    def exhausted(self) -> bool:
        return self.position >= len(self.rows)


@dataclass(slots=True)
class ValueCursor:
    """The rest of a result that exists nowhere else: of an aggregation, or of a list of indexes."""

    namespace: str
    documents: list[bytes]
    touched_s: float = 0.0
    position: int = 0

    def batch(self, size: int) -> list[bytes]:
        taken: list[bytes] = []
        total = 0
        for raw in islice(self.documents, self.position, self.position + size if size else None):
            if total and total + len(raw) > MAX_DOCUMENT:
                break
            total += len(raw)
            taken.append(raw)
        self.position += len(taken)
        return taken

    @property
    def exhausted(self) -> bool:
        return self.position >= len(self.documents)


Cursor = RowCursor | ValueCursor


@dataclass(slots=True)
class Cursors:
    clock: Callable[[], float]
    idle_s: float = 600.0
    _open: "OrderedDict[int, Cursor]" = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._open)

    def first(self, cursor: Cursor, size: int, single: bool = False) -> bytes:
        """The reply, encoded, that begins a cursor; it stays open only while something is left."""
        documents = cursor.batch(size) if size or single else []
        number = 0
        if not cursor.exhausted and not single:
            number = self._keep(cursor)
        return reply(cursor.namespace, number, "firstBatch", documents)

    def more(self, number: int, namespace: str, size: int) -> bytes:
        cursor = self._open.get(number)
        if cursor is None:
            raise CommandError(43, f"cursor id {number} not found")
        if cursor.namespace != namespace:
            raise CommandError(13, f"cursor id {number} does not belong to {namespace}")
        documents = cursor.batch(size)
        cursor.touched_s = self.clock()
        self._open.move_to_end(number)
        if cursor.exhausted:
            del self._open[number]
            number = 0
        return reply(namespace, number, "nextBatch", documents)

    def kill(self, number: int) -> bool:
        return self._open.pop(number, None) is not None

    def forget(self, collection: Collection) -> None:
        """Close the cursors of a collection that is dropped."""
        for number, cursor in list(self._open.items()):
            if isinstance(cursor, RowCursor) and cursor.collection is collection:
                del self._open[number]

    def expire(self) -> None:
        before = self.clock() - self.idle_s
        for number, cursor in list(self._open.items()):
            if cursor.touched_s >= before:
                break
            del self._open[number]

    def _keep(self, cursor: Cursor) -> int:
        while len(self._open) >= MAX_CURSORS:
            self._open.popitem(last=False)
        number = secrets.randbits(62) + 1
        cursor.touched_s = self.clock()
        self._open[number] = cursor
        return number


def reply(namespace: str, number: int, name: str, documents: Sequence[bytes]) -> bytes:
    """`{cursor: {<name>: [documents], id, ns}, ok: 1}`: the documents are copied, never decoded."""
    parts: list[bytes] = []
    for key, raw in zip(
        _KEYS if len(documents) <= len(_KEYS) else _keys(len(documents)), documents, strict=False
    ):
        parts += (key, raw)
    ns = namespace.encode()
    cursor = b"\x04%b\0%b\x12id\0%b\x02ns\0%b%b\0" % (
        name.encode(), _framed(b"".join(parts)), _I64.pack(number), _I32.pack(len(ns) + 1), ns
    )  # fmt: skip
    return _framed(b"\x03cursor\0%b\x01ok\0%b" % (_framed(cursor), _F64.pack(1.0)))


def _framed(elements: bytes) -> bytes:
    """A BSON document of these elements."""
    return b"%b%b\0" % (_I32.pack(len(elements) + 5), elements)


def _keys(count: int) -> list[bytes]:
    """How the elements of an array begin that are documents: their type and number."""
    return [b"\x03%d\0" % number for number in range(count)]


_KEYS = _keys(256)
_I32, _I64, _F64 = Struct("<i"), Struct("<q"), Struct("<d")
