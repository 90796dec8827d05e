"""Finds documents: a plan's candidates, asked whether they match, sorted where no index did, cut to measure."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, starmap
from typing import Any

from mediaserver.documentserver.errors import CommandError, Document, number
from mediaserver.documentserver.matching.filters import Filter, Test
from mediaserver.documentserver.matching.keys import UNDEFINED, encode, invert
from mediaserver.documentserver.matching.paths import Path, leaves, split
from mediaserver.documentserver.planning.planner import Plan, choose
from mediaserver.documentserver.planning.scanning import Row
from mediaserver.documentserver.planning.term_plans import plan_terms
from mediaserver.documentserver.storage import Collection
from mediaserver.documentserver.wire import decode

_AT_ONCE = 1000


class Found:
    """One document found, decoded when somebody looks at it."""

    __slots__ = ("_document", "number", "raw")

    def __init__(self, number: int, raw: bytes) -> None:
        self.number, self.raw = number, raw
        self._document: Document | None = None

    @property
    def document(self) -> Document:
        if self._document is None:
            self._document = decode(self.raw)
        return self._document


@dataclass(slots=True)
class Query:
    """What to look for. `limit` 0 means all. `deadline` is on the monotonic clock."""

    filter: Filter = field(default_factory=lambda: Filter({}))
    sort: list[tuple[str, int]] = field(default_factory=list)
    skip: int = 0
    limit: int = 0
    hint: Any = None
    deadline: float | None = None
    examined: int = 0

    def plan(self, collection: Collection) -> Plan:
        indexes = collection.indexes
        if self.hint is not None:
            indexes = [index for index in indexes if self.hint in (index.name, index.pattern())]
            if not indexes and self.hint != {"$natural": 1}:
                raise CommandError(2, "hint provided does not correspond to an existing index")
        planned = plan_terms(collection.sql, f"d{collection.id}", self.filter, self.sort, indexes)
        return planned or choose(self.filter, self.sort, indexes)

    def run(self, collection: Collection | None) -> Iterator[Found]:
        """What matches, in order, cut to measure."""
        if collection is None:
            return iter(())
        plan = self.plan(collection)
        in_order = plan.sorted or not self.sort
        found = self._matching(collection, plan, self.skip + self.limit if self.limit and in_order else -1)
        if not in_order:
            key = sorter(self.sort)
            found = iter(sorted(found, key=lambda item: key(item.document)))
        return islice(found, self.skip, self.skip + self.limit if self.limit else None)

    def count(self, collection: Collection | None) -> int:
        """How many `run` would give."""
        if collection is None:
            return 0
        plan = self.plan(collection)
        total = None if self.filter.tests(plan.answered) else collection.count(plan)
        if total is None:
            total = sum(1 for _ in self._matching(collection, plan, -1))
        total = max(0, total - self.skip)
        return min(total, self.limit) if self.limit else total

    def _matching(self, collection: Collection, plan: Plan, wanted: int) -> Iterator[Found]:
        tests = self.filter.tests(plan.answered)
        if not tests and 0 <= wanted <= _AT_ONCE:
            rows = list(islice(collection.read(plan, wanted), wanted))
            self.examined += len(rows)
            return starmap(Found, rows)
        return self._asked(collection.read(plan), tests)

    def _asked(self, rows: Iterator[Row], tests: list[Test]) -> Iterator[Found]:
        for row in rows:
            self.examined += 1
            if self.deadline is not None and self.examined % 128 == 0 and time.monotonic() > self.deadline:
                raise CommandError(50, "operation exceeded time limit")
            found = Found(*row)
            for test in tests:
                if not test(found.document):
                    break
            else:
                yield found


def parse_sort(source: Any) -> list[tuple[str, int]]:
    if source is None:
        return []
    if not isinstance(source, dict):
        raise CommandError(14, "sort must be a document")
    for name, direction in source.items():
        if isinstance(direction, dict):
            raise CommandError(2, f"sort by {direction!r} is not supported")
        if number(direction, f"sort.{name}") not in (1, -1) or name.startswith("$"):
            raise CommandError(2, f"{{{name}: {direction!r}}} is not a sort order")
    return [(name, int(direction)) for name, direction in source.items()]


def sorter(sort: list[tuple[str, int]]) -> Any:
    """A key function for documents: an array counts as its least element, or its greatest when descending."""
    columns = [(split(name), direction) for name, direction in sort]
    return lambda document: [_sort_key(document, path, direction) for path, direction in columns]


def _sort_key(document: Document, path: Path, direction: int) -> bytes:
    keys: list[bytes] = []
    for leaf in leaves(document, path):
        keys += ([encode(item) for item in leaf] or [UNDEFINED]) if isinstance(leaf, list) else [encode(leaf)]
    if direction == 1:
        return min(keys, default=encode(None))
    return invert(max(keys, default=encode(None)))
