"""Aggregation expressions: `"$path"`, literals, documents of expressions, and the operators of one table."""

from collections.abc import Callable
from typing import Any

from mediaserver.documentserver.errors import CommandError, Document
from mediaserver.documentserver.matching.keys import MISSING, encode
from mediaserver.documentserver.matching.paths import plain, split
from mediaserver.documentserver.matching.updates import narrow

Expression = Callable[[Document], Any]


def compile_expression(source: Any) -> Expression:
    """A function of a document; it gives `MISSING` where there is no value."""
    if isinstance(source, str) and source.startswith("$"):
        return _path(source)
    if isinstance(source, list):
        items = [compile_expression(item) for item in source]
        return lambda document: [_or_null(item(document)) for item in items]
    if not isinstance(source, dict):
        return lambda _: source
    first = next(iter(source), "")
    if not first.startswith("$"):
        return _document(source)
    if len(source) != 1:
        raise CommandError(15983, "an expression object holds exactly one operator")
    return _operator(first, source[first])


def _path(source: str) -> Expression:
    if source.startswith("$$"):
        name, _, rest = source[2:].partition(".")
        if name not in ("ROOT", "CURRENT"):
            raise CommandError(17276, f"Use of undefined variable: {name}")
        source = "$" + rest
        if not rest:
            return lambda document: document
    path = split(source[1:])
    if not all(path):
        raise CommandError(15998, f"'{source}' is not a field path")
    return lambda document: plain(document, path)


def _document(source: Document) -> Expression:
    fields = {name: compile_expression(value) for name, value in source.items()}

    def evaluate(document: Document) -> Document:
        values = ((name, value(document)) for name, value in fields.items())
        return {name: value for name, value in values if value is not MISSING}

    return evaluate


def _operator(name: str, operand: Any) -> Expression:
    if name == "$literal":
        return lambda _: operand
    if name == "$cond":
        return _cond(operand)
    if name not in _FUNCTIONS:
        raise CommandError(168, f"Unrecognized expression '{name}'")
    arity, function = _FUNCTIONS[name]
    sources = operand if isinstance(operand, list) else [operand]
    if arity and len(sources) != arity:
        raise CommandError(16020, f"Expression {name} takes exactly {arity} arguments")
    arguments = [compile_expression(item) for item in sources]
    return lambda document: function(*(argument(document) for argument in arguments))


def _cond(operand: Any) -> Expression:
    if isinstance(operand, dict):
        if set(operand) != {"if", "then", "else"}:
            raise CommandError(17083, "$cond needs if, then and else, and nothing else")
        operand = [operand["if"], operand["then"], operand["else"]]
    if not isinstance(operand, list) or len(operand) != 3:
        raise CommandError(16020, "Expression $cond takes exactly 3 arguments")
    test, yes, no = (compile_expression(item) for item in operand)
    return lambda document: yes(document) if truth(test(document)) else no(document)


def truth(value: Any) -> bool:
    """False, zero, null and missing are false; all else, empty strings and arrays too, is true."""
    return not _nullish(value) and (bool(value) or not isinstance(value, (bool, int, float)))


def _or_null(value: Any) -> Any:
    return None if value is MISSING else value


def _nullish(*values: Any) -> bool:
    return any(value is None or value is MISSING for value in values)


def _key(value: Any) -> bytes:
    return b"\x04" if value is MISSING else encode(value)  # in expressions, missing sorts before null


def _arithmetic(name: str, function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def evaluate(*values: Any) -> Any:
        if _nullish(*values):
            return None
        for value in values:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise CommandError(14, f"{name} only supports numeric types, not {type(value).__name__}")
        result = values[0] if values else 0
        for value in values[1:]:
            result = function(result, value)
        return narrow(result, values)

    return evaluate


def _divide(left: Any, right: Any) -> float:
    if not right:
        raise CommandError(2, "can't $divide by zero")
    return float(left / right)


def _concat(*values: Any) -> Any:
    if _nullish(*values):
        return None
    if not all(isinstance(value, str) for value in values):
        raise CommandError(16702, "$concat only supports strings")
    return "".join(values)


def _size(value: Any) -> int:
    if not isinstance(value, list):
        raise CommandError(17124, "The argument to $size must be an array")
    return len(value)


def _element(array: Any, at: Any) -> Any:
    if _nullish(array, at):
        return None
    if not isinstance(array, list) or isinstance(at, bool) or not isinstance(at, int):
        raise CommandError(28689, "$arrayElemAt needs an array and a whole number")
    return array[at] if -len(array) <= at < len(array) else MISSING


def _in(value: Any, array: Any) -> bool:
    if not isinstance(array, list):
        raise CommandError(40081, "$in requires an array as a second argument")
    return encode(_or_null(value)) in map(encode, array)


def _if_null(*values: Any) -> Any:
    return next((value for value in values if not _nullish(value)), values[-1])


def _cased(change: Callable[[str], str]) -> Callable[[Any], Any]:
    def evaluate(value: Any) -> str:
        if not _nullish(value) and not isinstance(value, str):
            raise CommandError(16007, "only strings have a case")
        return change(value) if isinstance(value, str) else ""

    return evaluate


_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "$eq": (2, lambda a, b: _key(a) == _key(b)),
    "$ne": (2, lambda a, b: _key(a) != _key(b)),
    "$gt": (2, lambda a, b: _key(a) > _key(b)),
    "$gte": (2, lambda a, b: _key(a) >= _key(b)),
    "$lt": (2, lambda a, b: _key(a) < _key(b)),
    "$lte": (2, lambda a, b: _key(a) <= _key(b)),
    "$and": (0, lambda *values: all(map(truth, values))),
    "$or": (0, lambda *values: any(map(truth, values))),
    "$not": (1, lambda value: not truth(value)),
    "$ifNull": (0, _if_null),
    "$in": (2, _in),
    "$add": (0, _arithmetic("$add", lambda a, b: a + b)),
    "$subtract": (2, _arithmetic("$subtract", lambda a, b: a - b)),
    "$multiply": (0, _arithmetic("$multiply", lambda a, b: a * b)),
    "$divide": (2, _arithmetic("$divide", _divide)),
    "$concat": (0, _concat),
    "$size": (1, _size),
    "$arrayElemAt": (2, _element),
    "$toLower": (1, _cased(str.lower)),
    "$toUpper": (1, _cased(str.upper)),
}
