"""Dotted paths through documents and arrays, as queries read them. Nothing here changes a document."""

from collections.abc import Iterator, Sequence
from typing import Any

from mediaserver.store.embedded.keys import MISSING

Path = tuple[str, ...]


def split(path: str) -> Path:
    return tuple(path.split("."))


def leaves(value: Any, path: Sequence[str], at: int = 0) -> Iterator[Any]:
    """Every value that a query on `path` looks at; `MISSING` where a document lacks it.

    An array on the way stands for each of its documents, and for the element that a number names. Arrays at the
    end are given whole: whether their elements count is the operator's business.
    """
    if at == len(path):
        yield value
    elif isinstance(value, dict):
        if path[at] in value:
            yield from leaves(value[path[at]], path, at + 1)
        else:
            yield MISSING
    elif isinstance(value, list):
        name = path[at]
        if name.isdecimal() and int(name) < len(value):
            yield from leaves(value[int(name)], path, at + 1)
        for item in value:
            if isinstance(item, dict):
                yield from leaves(item, path, at)
    else:
        yield MISSING


def elements(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """The leaves, and the elements of those that are arrays."""
    for leaf in leaves(value, path):
        if isinstance(leaf, list):
            yield from leaf
        yield leaf


def plain(value: Any, path: Sequence[str]) -> Any:
    """What an aggregation's `$a.b` means: through arrays it maps; `MISSING` where there is nothing."""
    for at, name in enumerate(path):
        if isinstance(value, dict):
            if name not in value:
                return MISSING
            value = value[name]
        elif isinstance(value, list):
            found = (plain(item, path[at:]) for item in value if isinstance(item, (dict, list)))
            return [item for item in found if item is not MISSING]
        else:
            return MISSING
    return value
