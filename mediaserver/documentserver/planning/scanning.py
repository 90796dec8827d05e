"""Reads what a plan chose: one range of an index, many in one statement, or many merged in the index's order.

Many ranges reach SQLite as two blobs, all lower bounds of one width joined and all upper bounds; the statement
cuts them up again. That costs a tenth of as many statements or a temporary table.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import repeat
from typing import Any

from mediaserver.documentserver.matching.keys import invert
from mediaserver.documentserver.planning.planner import Plan, RowTerms, Scan

Row = tuple[int, bytes]
Entry = tuple[bytes, int]

_FIRST_CHUNK, _GREATEST_CHUNK = 4, 256


def read(sql: sqlite3.Connection, documents: str, plan: Plan, limit: int = -1) -> Iterator[Row]:
    """Rows of the table `documents` in the plan's order, each once; where that is easy no more than `limit`."""
    if not plan.scans:
        return sql.execute(f"SELECT n, doc FROM {documents} ORDER BY n LIMIT ?", (limit,))
    readings = [_Reading(sql, documents, scan, plan.terms) for scan in plan.scans]
    if len(readings) == 1 and not plan.scans[0].index.multikey:
        return readings[0].rows(limit)
    return _each_once(readings)


def count(sql: sqlite3.Connection, documents: str, plan: Plan) -> int | None:
    """How many rows `read` would give, without reading documents; None when that cannot be told so."""
    if not plan.scans:
        return int(sql.execute(f"SELECT count(*) FROM {documents}").fetchone()[0])
    if len(plan.scans) > 1:
        return None
    return _Reading(sql, documents, plan.scans[0], plan.terms).count()


def _each_once(readings: "list[_Reading]") -> Iterator[Row]:
    seen: set[int] = set()
    for reading in readings:
        for row in reading.rows(-1):
            if row[0] not in seen:
                seen.add(row[0])
                yield row


@dataclass(slots=True)
class _Reading:
    """One scan at work. `i` is the index as a table, `d` the documents; a cross join keeps their order."""

    sql: sqlite3.Connection
    documents: str
    scan: Scan
    terms: RowTerms | None

    def rows(self, limit: int) -> Iterator[Row]:
        if not self.scan.ranges:
            return iter(())
        if self.scan.merged_after is not None:
            return self._merged()
        if len(self.scan.ranges) == 1:
            return self._one(*self.scan.ranges[0], limit)
        return self._many()

    def count(self) -> int | None:
        """None when the same row may be in several statements' answers."""
        wanted = "count(DISTINCT i.n)" if self.scan.index.multikey else "count(*)"
        groups = self._by_width() if len(self.scan.ranges) > 1 else [[]]
        if self.scan.index.multikey and len(groups) > 1:
            return None
        if len(self.scan.ranges) == 1:
            return int(self._of_one(wanted, *self.scan.ranges[0]).fetchone()[0])
        return sum(int(self._of_many(wanted, numbers).fetchone()[0]) for numbers in groups if numbers)

    @property
    def _index(self) -> str:
        return f"{self.documents if self.scan.index.is_id else f'i{self.scan.index.id}'} AS i"

    @property
    def _key(self) -> str:
        return "i.id" if self.scan.index.is_id else "i.key"

    @property
    def _order(self) -> str:
        way = "DESC" if self.scan.reverse else "ASC"
        return f"ORDER BY {self._key} {way}, i.n {way}"

    def _having(self) -> tuple[str, list[bytes]]:
        """The end of a `WHERE` that leaves only rows with the terms, and its values."""
        if self.terms is None:
            return "", []
        condition, values = self.terms.condition("i.n")
        return f" AND {condition}", values

    def _one(self, low: bytes, high: bytes | None, limit: int) -> Iterator[Row]:
        return self._of_one("d.n, d.doc", low, high, limit)

    def _of_one(self, wanted: str, low: bytes, high: bytes | None, limit: int | None = None) -> sqlite3.Cursor:
        """What is wanted of the entries of one range; with a limit, of documents in order."""
        below, values = ("", [low]) if high is None else (f" AND {self._key} < ?", [low, high])
        having, terms = self._having()
        joined = f" CROSS JOIN {self.documents} AS d ON d.n = i.n" if limit is not None else ""
        ordered = f" {self._order} LIMIT ?" if limit is not None else ""
        statement = f"SELECT {wanted} FROM {self._index}{joined} WHERE {self._key} >= ?{below}{having}{ordered}"
        return self.sql.execute(statement, (*values, *terms) if limit is None else (*values, *terms, limit))

    def _many(self) -> Iterator[Row]:
        """The rows of all ranges, in no promised order."""
        for numbers in self._by_width():
            yield from self._of_many("d.n, d.doc", numbers, documents=True)

    def _of_many(self, wanted: str, numbers: list[int], documents: bool = False) -> sqlite3.Cursor:
        having, terms = self._having()
        ranges, values = self._packed(numbers)
        joined = f" CROSS JOIN {self.documents} AS d ON d.n = i.n" if documents else ""
        statement = (
            f"{ranges} SELECT {wanted} FROM range"
            f" CROSS JOIN {self._index} ON {self._key} >= low AND {self._key} < high{having}{joined}"
        )
        return self.sql.execute(statement, [*values, *terms])

    def _merged(self) -> Iterator[Row]:
        """The rows of all ranges in one order: by what follows the beginning of each range's keys.

        Which range has which first entry is asked in one statement. A range is opened only when its turn comes,
        so that the first k rows cost a search for each range and k documents.
        """
        statement = f"SELECT doc FROM {self.documents} WHERE n = ?"
        heap: list[tuple[bytes, int, int, Iterator[Entry]]] = []
        for place, number in [*sorted(self._firsts(), reverse=self.scan.reverse), (None, 0)]:
            place = self._directed(place) if place is not None else None
            while heap and (place is None or heap[0][0] < place):
                _, at, row, entries = heappop(heap)
                yield row, self.sql.execute(statement, (row,)).fetchone()[0]
                self._push(heap, at, entries)
            if place is not None:
                self._push(heap, number, self._entries(number))

    def _push(self, heap: list[Any], number: int, entries: Iterator[Entry]) -> None:
        """Put a range into the heap at the place of its next entry, if it has one."""
        assert self.scan.merged_after is not None
        for key, row in entries:
            place = self._directed(key[self.scan.merged_after[number] :])
            heappush(heap, (place, number, row, entries))
            return

    def _directed(self, place: bytes) -> bytes:
        return invert(place) if self.scan.reverse else place

    def _firsts(self) -> list[tuple[bytes, int]]:
        """The place of each range's first entry, whatever its terms, and the range's number."""
        assert self.scan.merged_after is not None
        found: list[tuple[bytes, int]] = []
        for numbers in self._by_width():
            ranges, values = self._packed(numbers)
            statement = (
                f"{ranges} SELECT at, (SELECT {self._key} FROM {self._index}"
                f" WHERE {self._key} >= low AND {self._key} < high {self._order} LIMIT 1) FROM range"
            )
            after = self.scan.merged_after[numbers[0]]
            rows = self.sql.execute(statement, values).fetchall()
            found += [(key[after:], numbers[at]) for at, key in rows if key is not None]
        return found

    def _entries(self, number: int) -> Iterator[Entry]:
        """What a range holds, in chunks that grow: most ranges are left after an entry or two."""
        low, high = self.scan.ranges[number]
        start, end, way = (high, low, "<") if self.scan.reverse else (low, high, ">=")
        stop = f"{self._key} >= ?" if self.scan.reverse else f"{self._key} < ?"
        begin, values, chunk = f"{self._key} {way} ?", [start, end], _FIRST_CHUNK
        having, terms = self._having()
        while True:
            statement = (
                f"SELECT {self._key}, i.n FROM {self._index}"
                f" WHERE {begin} AND {stop}{having} {self._order} LIMIT ?"
            )
            entries = self.sql.execute(statement, (*values, *terms, chunk)).fetchall()
            yield from entries
            if len(entries) < chunk:
                return
            begin = f"({self._key}, i.n) {way[0]} (?, ?)"
            values, chunk = [*entries[-1], end], min(chunk * 4, _GREATEST_CHUNK)

    def _by_width(self) -> list[list[int]]:
        """The numbers of the ranges, together where all their parts are as long."""
        lows, highs = zip(*self.scan.ranges, strict=True)
        widths = list(zip(map(len, lows), map(len, highs), self.scan.merged_after or repeat(0), strict=False))
        if len(set(widths)) == 1:
            return [list(range(len(lows)))]
        groups: dict[tuple[int, int, int], list[int]] = {}
        for number, width in enumerate(widths):
            groups.setdefault(width, []).append(number)
        return list(groups.values())

    def _packed(self, numbers: list[int]) -> tuple[str, list[Any]]:
        """The beginning of a statement that has these ranges as a table `range`, and its values."""
        lows, highs = zip(*[self.scan.ranges[number] for number in numbers], strict=True)
        low, high = len(lows[0]), len(highs[0])
        statement = (
            "WITH RECURSIVE count(at) AS (SELECT 0 UNION ALL SELECT at + 1 FROM count WHERE at + 1 < ?1),"
            f" range(at, low, high) AS"
            f" (SELECT at, substr(?2, at * {low} + 1, {low}), substr(?3, at * {high} + 1, {high}) FROM count)"
        )
        return statement, [len(numbers), b"".join(lows), b"".join(highs)]
