"""Query filters: checked once, then asked of many documents.

An operator that is not in the tables below is an error, never ignored. `conditions` is what the planner reads:
top-level requirements that all hold; `matches` alone decides.
"""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import partial
from typing import Any

from bson import Regex

from mediaserver.documentserver.errors import BAD_VALUE, CommandError, Document, number
from mediaserver.documentserver.matching.keys import MISSING, NAN, NULL, RANK_MAX, RANK_MIN, encode
from mediaserver.documentserver.matching.paths import Path, elements, leaves, split

Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one path. `keys` encodes what `$eq` or `$in` asks for, when that is plain values."""

    path: str
    operator: str
    operand: Any
    keys: frozenset[bytes] | None = None


class Filter:
    """A compiled filter. `branches` are the alternatives of each top-level `$or`."""

    def __init__(self, source: Document) -> None:
        self.source = source
        self.conditions: list[Condition] = []
        self.branches: list[list[Filter]] = []
        self._tests: list[tuple[Condition | None, Test]] = []
        for name, operand in source.items():
            self._add(name, operand)

    def matches(self, document: Document) -> bool:
        return all(test(document) for _, test in self._tests)

    def tests(self, answered: Container[int] = ()) -> list[Test]:
        """What is left to ask when the conditions of these identities are known to hold."""
        return [test for asked, test in self._tests if id(asked) not in answered]

    def _add(self, name: str, operand: Any) -> None:
        if name == "$and" or (name == "$or" and isinstance(operand, list) and len(operand) == 1):
            for item in _filters(name, operand):
                self._include(item)
        elif name == "$or":
            self.branches.append(_filters(name, operand))
            self._tests.append((None, partial(_any_of, self.branches[-1])))
        elif name == "$nor":
            self._tests.append((None, partial(_none_of, _filters(name, operand))))
        elif name.startswith("$"):
            raise CommandError(BAD_VALUE, f"unknown top level operator: {name}")
        else:
            self._on_path(name, operand)

    def _include(self, item: "Filter") -> None:
        self.conditions += item.conditions
        self.branches += item.branches
        self._tests += item._tests

    def _on_path(self, name: str, operand: Any) -> None:
        path = split(name)
        for operator, value in operators_of(operand).items():
            keys = _keys(operator, value)
            condition = Condition(name, operator, value, keys)
            self.conditions.append(condition)
            if keys is not None and operator == "$in":
                test = _among(path, _one_of(keys))
            else:
                test = _on_path(path, operator, value, operand)
            self._tests.append((condition, test))


def operators_of(operand: Any) -> Document:
    """`{"$gt": 1}` as it is; a plain value as `{"$eq": value}`; a pattern as `{"$regex": pattern}`."""
    if isinstance(operand, dict) and operand and next(iter(operand)).startswith("$"):
        for name in operand:
            if name not in _OPERATORS:
                raise CommandError(BAD_VALUE, f"unknown operator: {name}")
        return {name: value for name, value in operand.items() if name != "$options"} or _options_alone()
    return {"$regex" if isinstance(operand, Regex) else "$eq": operand}


def _options_alone() -> Document:
    raise CommandError(BAD_VALUE, "$options needs a $regex")


def _filters(name: str, operand: Any) -> list[Filter]:
    if not isinstance(operand, list) or not operand or not all(isinstance(item, dict) for item in operand):
        raise CommandError(BAD_VALUE, f"{name} must be a nonempty array of documents")
    return [Filter(item) for item in operand]


def _any_of(filters: list[Filter], document: Document) -> bool:
    return any(item.matches(document) for item in filters)


def _none_of(filters: list[Filter], document: Document) -> bool:
    return not _any_of(filters, document)


def _keys(operator: str, operand: Any) -> frozenset[bytes] | None:
    if operator == "$in":
        _check_in(operand)
    elif operator != "$eq":
        return None
    values = operand if operator == "$in" else [operand]
    return None if any(isinstance(value, (list, Regex)) for value in values) else frozenset(map(encode, values))


def _one_of(keys: frozenset[bytes]) -> Test:
    return lambda value: encode(value) in keys


def _among(path: Path, test: Test) -> Test:
    """Whether something at the path, or an element of an array there, passes. Most paths are a single name."""
    if len(path) != 1:
        return lambda document: any(test(value) for value in elements(document, path))
    (name,) = path

    def at_name(document: Any) -> bool:
        if type(document) is dict:
            value = document.get(name, MISSING)
            if type(value) is not list:
                return test(value)
        return any(test(value) for value in elements(document, path))

    return at_name


def _on_path(path: Path, operator: str, operand: Any, whole: Any) -> Test:
    """A test of documents for one operator on one path; `whole` is the operator's document (for `$options`)."""
    if operator in _NEGATED:
        positive = _on_path(path, _NEGATED[operator], operand, whole)
        return lambda document: not positive(document)
    if operator == "$not":
        return _not(path, operand)
    if operator == "$all":
        return _all(path, operand)
    if operator == "$exists":
        wanted = bool(operand)
        return lambda document: any(leaf is not MISSING for leaf in leaves(document, path)) == wanted
    test = value_test(operator, operand, whole)
    if operator not in ("$size", "$elemMatch"):
        return _among(path, test)
    return lambda document: any(test(value) for value in leaves(document, path))


def _not(path: Path, operand: Any) -> Test:
    if not isinstance(operand, (dict, Regex)) or operand == {}:
        raise CommandError(BAD_VALUE, "$not needs a regex or a document")
    inner = operators_of(operand)
    if isinstance(operand, dict) and "$eq" in inner and "$eq" not in operand:
        raise CommandError(BAD_VALUE, "$not needs operators")
    tests = [_on_path(path, name, value, operand) for name, value in inner.items()]
    return lambda document: not all(test(document) for test in tests)


def _all(path: Path, operand: Any) -> Test:
    if not isinstance(operand, list):
        raise CommandError(BAD_VALUE, "$all needs an array")
    tests = []
    for item in operand:
        if isinstance(item, dict) and next(iter(item), "").startswith("$"):
            if list(item) != ["$elemMatch"]:
                raise CommandError(BAD_VALUE, f"no {next(iter(item))} expressions in $all")
            tests.append(_on_path(path, "$elemMatch", item["$elemMatch"], item))
        else:
            tests.append(_on_path(path, *next(iter(operators_of(item).items())), item))
    return lambda document: bool(tests) and all(test(document) for test in tests)


def value_test(operator: str, operand: Any, whole: Any) -> Test:
    """A test of a single value (for `$pull` and `$elemMatch` too)."""
    return _VALUE_TESTS[operator](operand, whole)


def _eq(operand: Any, _: Any = None) -> Test:
    if isinstance(operand, str):
        return lambda value: type(value) is str and value == operand
    if isinstance(operand, bool):
        return lambda value: value is operand
    key = encode(operand)
    return lambda value: encode(value) == key


def _ordered(compare: Callable[[bytes, bytes], bool], equal: bool) -> Callable[[Any, Any], Test]:
    def make(operand: Any, _: Any) -> Test:
        if isinstance(operand, Regex):
            raise CommandError(BAD_VALUE, "a regex cannot be compared by order")
        key = encode(operand)
        if key in (NULL, NAN):
            return _eq(operand) if equal else lambda _: False
        every_type = key[0] in (RANK_MIN, RANK_MAX)

        def test(value: Any) -> bool:
            other = encode(value)
            within = other[0] == key[0] and other != NAN
            return (within or (every_type and value is not MISSING)) and compare(other, key)

        return test

    return make


def _check_in(operand: Any) -> None:
    if not isinstance(operand, list):
        raise CommandError(BAD_VALUE, "$in needs an array")
    if any(isinstance(item, dict) and next(iter(item), "").startswith("$") for item in operand):
        raise CommandError(BAD_VALUE, "cannot nest $ under $in")


def _in(operand: Any, _: Any) -> Test:
    _check_in(operand)
    patterns = [_regex(item, {}) for item in operand if isinstance(item, Regex)]
    keys = {encode(item) for item in operand}
    return lambda value: encode(value) in keys or any(pattern(value) for pattern in patterns)


_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


def _regex(operand: Any, whole: Any) -> Test:
    pattern, flags = (operand.pattern, operand.flags) if isinstance(operand, Regex) else (operand, 0)
    options = whole.get("$options", "") if isinstance(whole, dict) else ""
    if not isinstance(pattern, str) or not isinstance(options, str) or set(options) - set(_FLAGS):
        raise CommandError(BAD_VALUE, "$regex needs a string, and $options of i, m, s and x")
    for option in options:
        flags |= _FLAGS[option]
    try:
        search = re.compile(pattern, flags).search
    except (re.error, ValueError, RecursionError) as error:
        raise CommandError(51091, f"Regular expression is invalid: {error}") from error
    return lambda value: (
        (isinstance(value, str) and search(value) is not None)
        or (isinstance(value, Regex) and value.pattern == pattern and value.flags == flags)
    )


def _size(operand: Any, _: Any) -> Test:
    size = number(operand, "$size")
    if size < 0:
        raise CommandError(BAD_VALUE, "$size may not be negative")
    return lambda value: isinstance(value, list) and len(value) == size


def _elem_match(operand: Any, _: Any) -> Test:
    if not isinstance(operand, dict):
        raise CommandError(BAD_VALUE, "$elemMatch needs an object")
    first = next(iter(operand), "")
    if first.startswith("$") and first not in ("$and", "$or", "$nor"):
        tests = [_on_path((), name, value, operand) for name, value in operators_of(operand).items()]
        return lambda value: isinstance(value, list) and any(all(test(item) for test in tests) for item in value)
    matches = Filter(operand).matches
    return lambda value: (
        isinstance(value, list) and any(isinstance(item, dict) and matches(item) for item in value)
    )


_TYPES: dict[str, tuple[int, ...]] = {
    "double": (1,), "string": (2,), "object": (3,), "array": (4,), "binData": (5,), "objectId": (7,),
    "bool": (8,), "date": (9,), "null": (10,), "regex": (11,), "int": (16,), "timestamp": (17,), "long": (18,),
    "number": (1, 16, 18), "minKey": (-1,), "maxKey": (127,),
}  # fmt: skip
_TYPE_OF = {
    "float": 1, "str": 2, "dict": 3, "list": 4, "bytes": 5, "Binary": 5, "ObjectId": 7, "bool": 8,
    "DatetimeMS": 9, "NoneType": 10, "Regex": 11, "int": 16, "Timestamp": 17, "Int64": 18,
    "MinKey": -1, "MaxKey": 127,
}  # fmt: skip


def _type(operand: Any, _: Any) -> Test:
    codes: set[int] = set()
    for item in operand if isinstance(operand, list) else [operand]:
        known = _TYPES.get(item, ()) if isinstance(item, str) else (number(item, "$type"),)
        if not known or not set(known) <= set(_TYPE_OF.values()):
            raise CommandError(BAD_VALUE, f"unknown type name or code: {item!r}")
        codes.update(known)
    return lambda value: _TYPE_OF.get(type(value).__name__) in codes


_NEGATED = {"$ne": "$eq", "$nin": "$in"}
_VALUE_TESTS: dict[str, Callable[[Any, Any], Test]] = {
    "$eq": _eq,
    "$gt": _ordered(bytes.__gt__, False),
    "$gte": _ordered(bytes.__ge__, True),
    "$lt": _ordered(bytes.__lt__, False),
    "$lte": _ordered(bytes.__le__, True),
    "$in": _in,
    "$regex": _regex,
    "$size": _size,
    "$elemMatch": _elem_match,
    "$type": _type,
}
_OPERATORS = {*_VALUE_TESTS, *_NEGATED, "$not", "$all", "$exists", "$options"}
