"""Update documents: replacements and operators, applied to a copy.

Each operator is one function from its operand and the present value (or `MISSING`) to the new value; an operator
that is not in the table is an error. Two operators may not touch the same path, or one above the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

from bson import Int64, Timestamp
from bson.datetime_ms import DatetimeMS

from mediaserver.documentserver.errors import (
    BAD_VALUE,
    FAILED_TO_PARSE,
    TYPE_MISMATCH,
    CommandError,
    Document,
)
from mediaserver.documentserver.matching.filters import Filter, operators_of, value_test
from mediaserver.documentserver.matching.keys import MISSING, encode
from mediaserver.documentserver.matching.paths import Path, leaves, split

_MAX_PADDING = 1500
_INT32, _INT64 = 1 << 31, 1 << 63


@dataclass(frozen=True, slots=True)
class _Change:
    operator: str
    path: Path
    operand: Any


class Update:
    """A checked update. `apply` never changes the document that it is given."""

    def __init__(self, source: Any) -> None:
        if isinstance(source, list):
            raise CommandError(FAILED_TO_PARSE, "update pipelines are not supported")
        if not isinstance(source, dict):
            raise CommandError(FAILED_TO_PARSE, "an update must be a document")
        self.is_replacement = not next(iter(source), "").startswith("$")
        self._replacement = source
        self._changes = [] if self.is_replacement else list(_changes(source))
        if self.is_replacement and any(name.startswith("$") for name in source):
            raise CommandError(52, "a replacement may not hold update operators")
        _refuse_conflicts([change.path for change in self._changes])

    def apply(self, document: Document, found_by: Filter, now: datetime, inserting: bool = False) -> Document:
        if self.is_replacement:
            return self._replace(document)
        result: Document = _copy(document)
        for change in self._changes:
            if change.operator == "$setOnInsert" and not inserting:
                continue
            path = _position(change.path, document, found_by)
            if change.operator == "$currentDate":
                _put(result, path, partial(_current_date, change.operand, now))
            elif change.operator == "$unset":
                _remove(result, path)
            elif change.operator == "$pull":
                if _at(result, path) is not MISSING:
                    _put(result, path, partial(_pull, change.operand))
            else:
                _put(result, path, partial(_ACTIONS[change.operator], change.operand))
        if "_id" in document and ("_id" not in result or encode(result["_id"]) != encode(document["_id"])):
            raise CommandError(66, "the (immutable) field '_id' was found to have been altered")
        return result

    def _replace(self, document: Document) -> Document:
        wanted = self._replacement
        if "_id" in document and "_id" in wanted and encode(wanted["_id"]) != encode(document["_id"]):
            raise CommandError(66, "the (immutable) field '_id' was found to have been altered")
        identity = {"_id": document["_id"]} if "_id" in document else {}
        return {**identity, **{name: value for name, value in wanted.items() if name != "_id" or not identity}}


def base_for_upsert(filter_: Filter) -> Document:
    """The fields that the filter's equalities give to a document made by an upsert."""
    base: Document = {}
    for condition in filter_.conditions:
        if condition.operator == "$eq":
            _put(base, split(condition.path), partial(_set, condition.operand))
    return base


def _changes(source: Document) -> Any:
    for operator, fields in source.items():
        if operator not in _OPERATORS:
            raise CommandError(FAILED_TO_PARSE, f"Unknown modifier: {operator}")
        if not isinstance(fields, dict):
            raise CommandError(FAILED_TO_PARSE, f"Modifiers operate on fields but {operator} has none")
        for name, operand in fields.items():
            path = split(name)
            if not all(path):
                raise CommandError(56, f"The update path '{name}' contains an empty field name.")
            if any(part.startswith("$") and part != "$" for part in path):
                raise CommandError(BAD_VALUE, f"'{name}': array filters and $[] are not supported")
            _check_operand(operator, name, operand)
            yield _Change(operator, path, operand)


def _check_operand(operator: str, name: str, operand: Any) -> None:
    if operator == "$inc" and (isinstance(operand, bool) or not isinstance(operand, (int, float))):
        raise CommandError(TYPE_MISMATCH, f"Cannot increment with non-numeric argument: {{{name}: {operand!r}}}")
    if operator in ("$push", "$addToSet") and isinstance(operand, dict) and "$each" in operand:
        if unknown := set(operand) - {"$each"}:
            raise CommandError(BAD_VALUE, f"{operator} with {', '.join(sorted(unknown))} is not supported")
        if not isinstance(operand["$each"], list):
            raise CommandError(BAD_VALUE, f"the argument to $each in {operator} must be an array")
    elif operator in ("$push", "$addToSet") and isinstance(operand, dict):
        if next(iter(operand), "").startswith("$"):
            raise CommandError(BAD_VALUE, f"{operator} does not know {next(iter(operand))}")
    elif operator == "$currentDate" and operand not in (True, {"$type": "date"}, {"$type": "timestamp"}):
        raise CommandError(BAD_VALUE, f"$currentDate of {operand!r} is not understood")
    elif operator == "$pull":
        _pull(operand, [])


def _refuse_conflicts(paths: list[Path]) -> None:
    ordered = sorted(paths)
    for shorter, longer in pairwise(ordered):
        if longer[: len(shorter)] == shorter:
            raise CommandError(40, f"Updating the path '{'.'.join(longer)}' would create a conflict")


def _position(path: Path, document: Document, found_by: Filter) -> Path:
    """Put the index of the first element that the filter matched in the place of a positional `$`."""
    if "$" not in path:
        return path
    at = path.index("$")
    if at == 0 or "$" in path[at + 1 :]:
        raise CommandError(BAD_VALUE, "the positional operator stands once, after an array's name")
    array_path = path[:at]
    array = next(iter(leaves(document, array_path)), MISSING)
    prefix = ".".join(array_path)
    for condition in reversed(found_by.conditions):
        if isinstance(array, list) and (condition.path == prefix or condition.path.startswith(prefix + ".")):
            alone = Filter({condition.path: {condition.operator: condition.operand}})
            for index, item in enumerate(array):
                if alone.matches(_nest(array_path, [item])):
                    return (*array_path, str(index), *path[at + 1 :])
    raise CommandError(BAD_VALUE, "The positional operator did not find the match needed from the query.")


def _nest(path: Path, value: Any) -> Document:
    for name in reversed(path):
        value = {name: value}
    return value  # type: ignore[no-any-return]  # path has at least one part


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value


def _at(value: Any, path: Path) -> Any:
    """The value at a path that is to be changed: numbers index arrays, nothing is traversed implicitly."""
    for name in path:
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return MISSING
    return value


def _put(document: Document, path: Path, change: Callable[[Any], Any]) -> None:
    holder: Any = document
    for name in path[:-1]:
        child = _at(holder, (name,))
        if child is MISSING:
            child = {}
            _assign(holder, name, child)
        holder = child
        if not isinstance(holder, (dict, list)):
            raise CommandError(28, f"Cannot create field in element {{{name}: {holder!r}}}")
    _assign(holder, path[-1], change(_at(holder, path[-1:])))


def _assign(holder: Any, name: str, value: Any) -> None:
    if isinstance(holder, dict):
        holder[name] = value
        return
    if not name.isdecimal():
        raise CommandError(28, f"Cannot create field '{name}' in an array")
    if int(name) > len(holder) + _MAX_PADDING:
        raise CommandError(BAD_VALUE, f"element {name} lies too far beyond the end of its array")
    holder.extend([None] * (int(name) + 1 - len(holder)))
    holder[int(name)] = value


def _remove(document: Document, path: Path) -> None:
    holder = _at(document, path[:-1])
    if isinstance(holder, dict):
        holder.pop(path[-1], None)
    elif isinstance(holder, list) and _at(holder, path[-1:]) is not MISSING:
        holder[int(path[-1])] = None  # an array keeps its length


def _inc(operand: Any, value: Any) -> Any:
    if value is MISSING:
        return operand
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CommandError(TYPE_MISMATCH, "Cannot apply $inc to a value of non-numeric type")
    return narrow(value + operand, (value, operand))


def narrow(result: Any, operands: Sequence[Any]) -> Any:
    """A number in the type that BSON arithmetic gives: int32 grows to int64 where it must, and stays there."""
    if isinstance(result, float):
        return result
    if not -_INT64 <= result < _INT64:
        raise CommandError(BAD_VALUE, "integer overflow: the result leaves 64 bits")
    long = any(isinstance(operand, Int64) for operand in operands) or not -_INT32 <= result < _INT32
    return Int64(result) if long else int(result)


def _listed(operator: str, value: Any) -> list[Any]:
    if value is MISSING:
        return []
    if not isinstance(value, list):
        raise CommandError(BAD_VALUE, f"The field for {operator} must be an array")
    return value


def _each(operand: Any) -> list[Any]:
    return operand["$each"] if isinstance(operand, dict) and "$each" in operand else [operand]


def _push(operand: Any, value: Any) -> Any:
    return _listed("$push", value) + _each(operand)


def _add_to_set(operand: Any, value: Any) -> Any:
    result = list(_listed("$addToSet", value))
    present = {encode(item) for item in result}
    for item in _each(operand):
        if (key := encode(item)) not in present:
            present.add(key)
            result.append(item)
    return result


def _pull(operand: Any, value: Any) -> Any:
    items = _listed("$pull", value)
    if isinstance(operand, dict):
        if operand and next(iter(operand)).startswith("$"):
            tests = [
                value_test(name, wanted, operand) if name not in ("$ne", "$nin") else _negated(name, wanted)
                for name, wanted in operators_of(operand).items()
            ]
            return [item for item in items if not all(test(item) for test in tests)]
        matches = Filter(operand).matches
        return [item for item in items if not (isinstance(item, dict) and matches(item))]
    test = value_test(*next(iter(operators_of(operand).items())), operand)
    return [item for item in items if not test(item)]


def _negated(name: str, wanted: Any) -> Callable[[Any], bool]:
    test = value_test({"$ne": "$eq", "$nin": "$in"}[name], wanted, None)
    return lambda value: not test(value)


def _minimum(operand: Any, value: Any) -> Any:
    return operand if value is MISSING or encode(operand) < encode(value) else value


def _maximum(operand: Any, value: Any) -> Any:
    return operand if value is MISSING or encode(operand) > encode(value) else value


def _current_date(kind: Any, now: datetime, _: Any) -> Any:
    if kind == {"$type": "timestamp"}:
        return Timestamp(int(now.timestamp()), 1)
    return DatetimeMS(now)


def _set(operand: Any, _: Any) -> Any:
    return operand


_ACTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "$set": _set,
    "$setOnInsert": _set,
    "$inc": _inc,
    "$min": _minimum,
    "$max": _maximum,
    "$push": _push,
    "$addToSet": _add_to_set,
}
_OPERATORS = {*_ACTIONS, "$unset", "$pull", "$currentDate"}
