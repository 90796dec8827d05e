"""Plans for filters that ask an index of arrays for several values or for values with a common beginning.

An index on `(words, _id)` has a range of entries for each value, in the order of `_id`. One condition on `words`
leads: its ranges are read, merged in that order. The other conditions are asked of the same index for each row,
since the key of a value and a row's `_id` can be put together. No document is read for that.
"""

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from bson import Regex

from mediaserver.documentserver.matching.filters import Condition, Filter
from mediaserver.documentserver.matching.keys import NULL, after, encode
from mediaserver.documentserver.planning.indexes import Index
from mediaserver.documentserver.planning.planner import Plan, Range, RowTerms, Scan, Sort, choose, consider

FEW = 1000
"""As many rows are read and sorted rather than met in order."""
_COUNTED = 16_000
_MOST_VALUES = 2000
"""Values with a common beginning that are merged in one order; where there are more, what begins so is common."""
_MOST_ASKED = 32
_LITERAL = re.compile(r"\^(?:[\w@~' -]|[^\W\d_]|\\[^\w]|[^\x00-\x7f])*")


@dataclass(slots=True)
class _Wanted:
    """A condition on the values of an array: the encodings that it names, and the beginnings of others."""

    condition: Condition
    values: frozenset[bytes]
    beginnings: tuple[bytes, ...]
    whole: bool = True
    """Whether `values` are all that it asks for."""
    rows: int = 0

    @property
    def ranges(self) -> list[Range]:
        return [(low, after(low)) for low in (*self.values, *self.beginnings)]


def plan_terms(
    sql: sqlite3.Connection, documents: str, filter_: Filter, sort: Sort, indexes: Sequence[Index]
) -> Plan | None:
    """None when an ordinary plan will do: for one condition without a beginning, in the order of `_id`."""
    ordinary = all(name == "_id" for name, _ in sort)
    for index in indexes:
        if index.multikey and _is_of_terms(index):
            conditions = [c for c in filter_.conditions if c.path == index.fields[0][0]]
            wanted = [one for one in map(_wanted, conditions) if one]
            if len(wanted) > 1 or any(not ordinary or one.beginnings for one in wanted):
                return _Planning(sql, documents, filter_, sort, indexes, index).plan(wanted)
    return None


def _is_of_terms(index: Index) -> bool:
    plain = not (index.sparse or index.unique or index.partial is not None)
    return plain and len(index.fields) == 2 and index.fields[0][1] == 1 and index.fields[1] == ("_id", 1)


def _wanted(condition: Condition) -> _Wanted | None:
    """What a condition asks of an array when ranges of its index can tell: values, beginnings of strings."""
    if condition.keys is not None:
        return _Wanted(condition, condition.keys, ()) if condition.keys and NULL not in condition.keys else None
    if condition.operator not in ("$in", "$regex"):
        return None
    operands = condition.operand if condition.operator == "$in" else [condition.operand]
    patterns = [operand for operand in operands if isinstance(operand, Regex)]
    beginnings = [_beginning(pattern) for pattern in patterns]
    values = [operand for operand in operands if not isinstance(operand, Regex)]
    if not patterns or None in beginnings or any(value is None or isinstance(value, list) for value in values):
        return None
    return _Wanted(condition, frozenset(map(encode, values)), tuple(b for b in beginnings if b), whole=False)


def _beginning(pattern: Regex[str]) -> bytes | None:
    """The encoded beginning of the strings that an anchored pattern without operators finds."""
    source = pattern.pattern
    if pattern.flags or not isinstance(source, str) or not _LITERAL.fullmatch(source) or "\0" in source:
        return None
    return encode(re.sub(r"\\(.)", r"\1", source[1:]))[:-2] if len(source) > 1 else None


@dataclass(slots=True)
class _Planning:
    sql: sqlite3.Connection
    documents: str
    filter: Filter
    sort: Sort
    indexes: Sequence[Index]
    index: Index

    def plan(self, wanted: list[_Wanted]) -> Plan:
        for one in wanted:
            self._find_values(one)
            one.rows = self._count(one)
        leading, *others = sorted(wanted, key=lambda one: one.rows)
        if leading.rows > FEW and self.sort and (plan := self._in_order(leading, others)):
            return plan
        plan = Plan([Scan(self.index, leading.ranges)], sorted=not self.sort, answered={id(leading.condition)})
        return self._asking(plan, others)

    def _in_order(self, leading: _Wanted, others: list[_Wanted]) -> Plan | None:
        """A plan that meets the rows in the order asked for, so that a page is read and not all that match."""
        elsewhere = [index for index in self.indexes if index is not self.index]
        plan = choose(self.filter, self.sort, elsewhere)
        in_order = bool(plan.scans) and plan.sorted
        asked = {condition.path for condition in self.filter.conditions} - {"_id"}
        if in_order and plan.scans[0].index.fields[0][0] in asked:
            return self._asking(plan, [leading, *others])
        if leading.whole and [name for name, _ in self.sort] == ["_id"]:
            named = Condition(leading.condition.path, "$in", [], leading.values)
            identities = [condition for condition in self.filter.conditions if condition.path == "_id"]
            led, _ = consider(self.index, [named, *identities], self.sort)
            led.answered.add(id(leading.condition))
            return self._asking(led, others)
        return self._asking(plan, [leading, *others]) if in_order else None

    def _asking(self, plan: Plan, wanted: Sequence[_Wanted]) -> Plan:
        """The plan, with these conditions asked of each row where all their values are known and not too many."""
        asked = [one for one in wanted if one.whole and len(one.values) <= _MOST_ASKED]
        if asked:
            values = tuple(tuple(sorted(one.values)) for one in asked)
            plan.terms = RowTerms(self._table, self.documents, values)
            plan.answered.update(id(one.condition) for one in asked)
        return plan

    @property
    def _table(self) -> str:
        return f"i{self.index.id}"

    def _find_values(self, wanted: _Wanted) -> None:
        """Replace beginnings by the values that there are, when these are not too many."""
        if not wanted.beginnings:
            return
        found = set(wanted.values)
        for beginning in wanted.beginnings:
            # Each step seeks the first key behind all keys of the value before. A value ends with two zeros.
            statement = (
                "WITH RECURSIVE value(key) AS ("
                f" SELECT (SELECT key FROM {self._table} WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT 1)"
                " UNION ALL SELECT ("
                f"  SELECT i.key FROM {self._table} AS i"
                "   WHERE i.key >= CAST(substr(value.key, 1, instr(value.key, x'0000')) || x'01' AS BLOB)"
                "   AND i.key < ?2 ORDER BY i.key LIMIT 1) FROM value WHERE value.key IS NOT NULL)"
                " SELECT substr(key, 1, instr(key, x'0000') + 1) FROM value WHERE key IS NOT NULL LIMIT ?3"
            )
            values = (beginning, after(beginning), _MOST_VALUES + 1)
            found.update(value for (value,) in self.sql.execute(statement, values))
            if len(found) > _MOST_VALUES:
                return
        wanted.values, wanted.beginnings, wanted.whole = frozenset(found), (), True

    def _count(self, wanted: _Wanted) -> int:
        """How many entries a condition leads to, up to a bound."""
        total = 0
        statement = f"SELECT count(*) FROM (SELECT 1 FROM {self._table} WHERE key >= ? AND key < ? LIMIT ?)"
        for low, high in wanted.ranges:
            total += self.sql.execute(statement, (low, high, _COUNTED - total)).fetchone()[0]
            if total >= _COUNTED:
                break
        return total
