"""Chooses how to find documents: by ranges of one index's keys, in an index's order, or by reading everything.

A plan may be too generous, never too narrow: each document found is asked for what the plan has not answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from bson import Regex

from mediaserver.documentserver.matching.filters import Condition, Filter
from mediaserver.documentserver.matching.keys import (
    NAN,
    NULL,
    RANK_MAX,
    RANK_MIN,
    RANK_NULL,
    RANK_NUMBER,
    after,
    encode,
    invert,
)
from mediaserver.documentserver.planning.indexes import Index

Sort = Sequence[tuple[str, int]]
Range = tuple[bytes, bytes | None]

_MAX_POINTS = 100_000
_EVERYTHING: Range = (b"", None)


@dataclass(slots=True)
class Scan:
    """Ranges of an index: one, or many in any order, or many to be merged.

    Merged are they by what follows in their keys after so many bytes, which all keys of a range share.
    """

    index: Index
    ranges: list[Range]
    reverse: bool = False
    merged_after: list[int] | None = None


@dataclass(slots=True)
class Plan:
    """What to read: without `scans` everything; of what they find only rows that have all `terms`.

    `sorted` says that the documents come in the order asked for. `answered` are the conditions, by identity, that
    hold for all of them: these need not be asked.
    """

    scans: list[Scan] = field(default_factory=list)
    sorted: bool = False
    answered: set[int] = field(default_factory=set)
    terms: "RowTerms | None" = None


@dataclass(frozen=True, slots=True)
class RowTerms:
    """Values that a row must have in an index on `(values, _id)`: of each of `every` one.

    `index` and `documents` are tables. The row's key of `_id` ends the keys of its values.
    """

    index: str
    documents: str
    every: tuple[tuple[bytes, ...], ...]

    def condition(self, row: str) -> tuple[str, list[bytes]]:
        """A condition of SQL that holds for the row of this number, and its values."""
        key = "CAST(? || own.id AS BLOB)"
        exist = (
            f"EXISTS (SELECT 1 FROM {self.index} AS t WHERE t.key IN ({', '.join([key] * len(values))}))"
            for values in self.every
        )
        has = f"EXISTS (SELECT 1 FROM {self.documents} AS own WHERE own.n = {row} AND {' AND '.join(exist)})"
        return has, [value for values in self.every for value in values]


@dataclass(frozen=True, slots=True)
class _Interval:
    """All encodings from prefix `low` to prefix `high`, each with or without what begins with it."""

    low: bytes
    low_included: bool
    high: bytes
    high_included: bool

    def directed(self, direction: int) -> "_Interval":
        if direction == 1:
            return self
        return _Interval(invert(self.high), self.high_included, invert(self.low), self.low_included)

    def range(self) -> tuple[bytes, bytes]:
        low, high = self.low, self.high
        return (low if self.low_included else after(low)), (after(high) if self.high_included else high)


def choose(filter_: Filter, sort: Sort, indexes: Sequence[Index]) -> Plan:
    if indexes and any(condition.keys == frozenset() for condition in filter_.conditions):
        return Plan([Scan(indexes[0], [])], sorted=True)  # `$in` nothing
    best, best_score = Plan(sorted=not sort), 0
    leading = {condition.path for condition in filter_.conditions}
    if sort:
        leading.add(sort[0][0])
    for index in indexes:
        if not index.fields or index.fields[0][0] not in leading:
            continue
        plan, score = consider(index, filter_.conditions, sort)
        if score > best_score:
            best, best_score = plan, score
            if score >= _UNIQUE:
                return best
    if best_score < _INTERVAL and (union := _union(filter_, indexes)):
        return Plan(union, sorted=not sort)
    return best


_EQUALITY, _INTERVAL, _SORTED, _UNIQUE = 12, 10, 6, 1000


def consider(index: Index, conditions: Sequence[Condition], sort: Sort) -> tuple[Plan, int]:
    """The plan that reads this index, and how good it is: 0 when it is of no use."""
    bounds = _bounds(index, conditions)
    points, interval = bounds.points, bounds.interval
    bounded = bool(points) or interval is not None
    single = all(len(column) == 1 for column in points)
    order = _order(index, points, sort) if sort else None
    if (not bounded and order is None) or not _holds_all(index, conditions):
        return Plan(), 0
    prefixes = points[0] if len(points) == 1 else [b"".join(combination) for combination in product(*points)]
    score = _EQUALITY * len(points) + (_INTERVAL if interval else 0) + (_SORTED if order else 0)
    if index.unique and single and len(points) == len(index.fields):
        score += _UNIQUE
    scan = Scan(index, _ranges(prefixes, interval) if bounded else [_EVERYTHING], order == -1)
    if order is not None and not single:
        scan.merged_after = list(map(len, prefixes))
    answered = bounds.answered
    if index.partial_filter is not None:
        answered.update(id(c) for c in conditions if _by_membership(index.partial_filter, c))
    return Plan([scan], not sort or order is not None, answered), score


@dataclass(slots=True)
class _Bounds:
    """Points for the first fields of an index, then perhaps an interval for the next one.

    `answered` are the conditions, by identity, that hold for a document exactly when its key lies within.
    """

    points: list[list[bytes]] = field(default_factory=list)
    interval: _Interval | None = None
    answered: set[int] = field(default_factory=set)


def _bounds(index: Index, conditions: Sequence[Condition]) -> _Bounds:
    """In a multikey index different elements may satisfy different conditions, so that only the first field, and
    one condition on it, can be used, and after it `_id`, which is never an array."""
    bounds = _Bounds()
    count = 1
    for name, direction in index.fields[: 1 + _id_is_second(index)] if index.multikey else index.fields:
        many = index.multikey and name != "_id"
        here = [condition for condition in conditions if condition.path == name]
        pointed = [condition for condition in here if condition.keys is not None][: 1 if many else None]
        points = (
            frozenset[bytes].intersection(*(c.keys for c in pointed if c.keys is not None)) if pointed else None
        )
        if points is None or (count := count * len(points)) > _MAX_POINTS:
            interval, answered = _interval(here[:1] if many else here)
            bounds.interval = interval.directed(direction) if interval else None
            bounds.answered.update(() if many else map(id, answered))
            return bounds
        bounds.points.append(sorted(points if direction == 1 else map(invert, points)))
        if not many or (NULL not in points and not any(map(str.isdecimal, name.split(".")))):
            bounds.answered.update(map(id, pointed))
    return bounds


def _interval(conditions: Sequence[Condition]) -> tuple[_Interval | None, list[Condition]]:
    """The narrowest interval that conditions of one type's values leave, and those conditions."""
    ranged = [(c, encode(c.operand)) for c in conditions if c.operator in _COMPARISONS and _orderly(c.operand)]
    if not ranged:
        return None, []
    rank = ranged[0][1][0]
    low, low_excluded = (NAN, True) if rank == RANK_NUMBER else (bytes([rank]), False)
    high, high_included = bytes([rank + 1]), False
    answered = []
    for condition, key in ranged:
        if key[0] != rank:
            continue
        answered.append(condition)
        if condition.operator in ("$gt", "$gte"):
            low, low_excluded = max((low, low_excluded), (key, condition.operator == "$gt"))
        else:
            high, high_included = min((high, high_included), (key, condition.operator == "$lte"))
    return _Interval(low, not low_excluded, high, high_included), answered


_COMPARISONS = ("$gt", "$gte", "$lt", "$lte")


def _orderly(operand: Any) -> bool:
    if isinstance(operand, (list, Regex)):
        return False
    key = encode(operand)
    return key[0] not in (RANK_NULL, RANK_MIN, RANK_MAX) and key != NAN


def _ranges(prefixes: list[bytes], interval: _Interval | None) -> list[Range]:
    if interval is None:
        return [(prefix, after(prefix)) for prefix in prefixes]
    low, high = interval.range()
    return [(prefix + low, prefix + high) for prefix in prefixes]


def _order(index: Index, points: list[list[bytes]], sort: Sort) -> int | None:
    """1 or -1 when reading the index forwards or backwards gives `sort` (fields fixed to one value are free).

    Where several values lead the index, it does so within each: those ranges are then merged. A multikey index is
    good for the order of `_id` alone, within values of the first field.
    """
    if index.multikey and not (points and _id_is_second(index) and [name for name, _ in sort] == ["_id"]):
        return None
    leading = list(zip((name for name, _ in index.fields), points, strict=False))
    free = {name for name, column in leading if len(column) == 1}
    wanted = [item for item in sort if item[0] not in free]
    if not wanted:
        return 1
    have = index.fields[len(points) : len(points) + len(wanted)]
    for direction in (1, -1):
        if [(name, way * direction) for name, way in have] == wanted:
            return direction
    return None


def _id_is_second(index: Index) -> bool:
    return len(index.fields) > 1 and index.fields[1][0] == "_id"


def _holds_all(index: Index, conditions: Sequence[Condition]) -> bool:
    """Whether every document that can match is in the index at all (sparse and partial ones leave some out)."""
    if index.sparse and not any(_needs_value(c) for c in conditions if c.path in index.pattern()):
        return False
    if index.partial_filter is None:
        return True
    return all(
        any(_implies(given, wanted) for given in conditions if given.path == wanted.path)
        for wanted in index.partial_filter.conditions
    )


def _by_membership(partial: Filter, condition: Condition) -> bool:
    """Whether a partial index holds just the documents for which this holds."""
    return any(
        wanted.path == condition.path
        and wanted.operator == condition.operator
        and encode(wanted.operand) == encode(condition.operand)
        for wanted in partial.conditions
    )


def _needs_value(condition: Condition) -> bool:
    if condition.operator in _COMPARISONS:
        return _orderly(condition.operand)
    if condition.operator == "$exists":
        return bool(condition.operand)
    return bool(condition.keys) and NULL not in (condition.keys or ())


def _implies(given: Condition, wanted: Condition) -> bool:
    if given.operator == wanted.operator and encode(given.operand) == encode(wanted.operand):
        return True
    if wanted.operator == "$exists":
        return _needs_value(given)
    if given.keys:
        values = [given.operand] if given.operator == "$eq" else given.operand
        test = Filter({"v": {wanted.operator: wanted.operand}})
        return all(value is not None and test.matches({"v": value}) for value in values)
    return False


def _union(filter_: Filter, indexes: Sequence[Index]) -> list[Scan]:
    """Scans for each alternative of a `$or`, when every one of them has bounds."""
    for branches in filter_.branches:
        plans = [choose(branch, (), indexes) for branch in branches]
        if all(plan.scans for plan in plans):
            return [scan for plan in plans for scan in plan.scans]
    return []
