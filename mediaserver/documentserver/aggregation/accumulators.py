"""`$group`: one document for each value of `_id`, with the accumulators of the table below."""

from collections.abc import Callable, Iterable
from typing import Any

from mediaserver.documentserver.aggregation.expressions import Expression, compile_expression
from mediaserver.documentserver.errors import CommandError, Document
from mediaserver.documentserver.matching.keys import MISSING, encode
from mediaserver.documentserver.matching.updates import narrow

Finish = Callable[[list[Any]], Any]


def group(source: Document) -> Callable[[Iterable[Document]], Iterable[Document]]:
    if "_id" not in source:
        raise CommandError(15955, "a group specification must include an _id")
    identity = compile_expression(source["_id"])
    fields = {name: _accumulator(name, value) for name, value in source.items() if name != "_id"}

    def run(documents: Iterable[Document]) -> Iterable[Document]:
        groups: dict[bytes, tuple[Any, list[list[Any]]]] = {}
        for document in documents:
            value = identity(document)
            value = None if value is MISSING else value
            _, collected = groups.setdefault(encode(value), (value, [[] for _ in fields]))
            for values, (expression, _) in zip(collected, fields.values(), strict=True):
                values.append(expression(document))
        for value, collected in groups.values():
            finished = zip(fields.items(), collected, strict=True)
            yield {"_id": value, **{name: finish(values) for (name, (_, finish)), values in finished}}

    return run


def _accumulator(name: str, source: Any) -> tuple[Expression, Finish]:
    if "." in name or not isinstance(source, dict) or len(source) != 1:
        raise CommandError(40234, f"The field '{name}' must be an accumulator object")
    ((operator, operand),) = source.items()
    if operator not in _ACCUMULATORS:
        raise CommandError(15952, f"unknown group operator '{operator}'")
    if operator == "$count":
        if operand != {}:
            raise CommandError(14, "$count takes no arguments, i.e. $count:{}")
        operand = 1
    return compile_expression(operand), _ACCUMULATORS[operator]


def _numbers(values: list[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]


def _present(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not MISSING]


def _sum(values: list[Any]) -> Any:
    numbers = _numbers(values)
    return narrow(sum(numbers), numbers)


def _average(values: list[Any]) -> Any:
    numbers = _numbers(values)
    return float(sum(numbers) / len(numbers)) if numbers else None


def _least(values: list[Any]) -> Any:
    return min((value for value in _present(values) if value is not None), key=encode, default=None)


def _greatest(values: list[Any]) -> Any:
    return max((value for value in _present(values) if value is not None), key=encode, default=None)


def _first(values: list[Any]) -> Any:
    return None if values[0] is MISSING else values[0]


def _last(values: list[Any]) -> Any:
    return None if values[-1] is MISSING else values[-1]


def _distinct(values: list[Any]) -> list[Any]:
    kept: dict[bytes, Any] = {}
    for value in _present(values):
        kept.setdefault(encode(value), value)
    return list(kept.values())


_ACCUMULATORS: dict[str, Finish] = {
    "$sum": _sum,
    "$avg": _average,
    "$min": _least,
    "$max": _greatest,
    "$first": _first,
    "$last": _last,
    "$push": _present,
    "$addToSet": _distinct,
    "$count": _sum,
}
