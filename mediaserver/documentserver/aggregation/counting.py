"""Counts of a pipeline that an index can give, so that no document is read for them.

`$count`, a `$group` of everything (which is how drivers count), and a `$group` by a field whose values the filter
names. Other stages, and what an index does not answer, are left to the pipeline.
"""

from typing import Any

from mediaserver.documentserver.errors import Document
from mediaserver.documentserver.finding import Query
from mediaserver.documentserver.matching.filters import Filter
from mediaserver.documentserver.storage import Collection

_ONE_EACH: tuple[Document, ...] = ({"$sum": 1}, {"$count": {}})


def counted(stage: Document, query: Query, collection: Collection | None) -> list[Document] | None:
    """What this stage gives after the query; None when it has to look at documents."""
    if len(stage) != 1:
        return None
    ((name, operand),) = stage.items()
    if name == "$count" and isinstance(operand, str) and operand and "." not in operand and operand[0] != "$":
        total = query.count(collection)
        return [{operand: total}] if total else []
    if name != "$group" or not isinstance(operand, dict) or "_id" not in operand:
        return None
    identity, names = operand["_id"], [field for field in operand if field != "_id"]
    if not names or any("." in field or not _counts(operand[field]) for field in names):
        return None
    if identity is None or type(identity) in (int, bool, float):
        total = query.count(collection)
        return [{"_id": identity, **dict.fromkeys(names, total)}] if total else []
    if isinstance(identity, str) and identity.startswith("$") and collection is not None:
        return _by_value(identity[1:], names, query, collection)
    return None


def _counts(accumulator: Any) -> bool:
    return any(accumulator == one and type(next(iter(accumulator.values()))) in (int, dict) for one in _ONE_EACH)


def _by_value(field: str, names: list[str], query: Query, collection: Collection) -> list[Document] | None:
    """For each string that the filter allows in the field, how many have it; by an index that holds no arrays."""
    here = [condition for condition in query.filter.conditions if condition.path == field]
    if len(here) != 1 or here[0].operator not in ("$eq", "$in") or query.skip or query.limit or query.hint:
        return None
    values = [here[0].operand] if here[0].operator == "$eq" else here[0].operand
    plan = query.plan(collection)
    single = plan.scans[0].index if len(plan.scans) == 1 else None
    if single is None or single.multikey or field not in single.pattern() or query.filter.tests(plan.answered):
        return None
    if not all(type(value) is str for value in values):
        return None
    groups = []
    for value in dict.fromkeys(values):
        number = Query(Filter({"$and": [query.filter.source, {field: value}]})).count(collection)
        if number:
            groups.append({"_id": value, **dict.fromkeys(names, number)})
    return groups
