"""Dotted paths through documents and arrays, as queries read them. Nothing here changes a document."""

from collections.abc import Iterator, Sequence
from typing import Any

from mediaserver.documentserver.matching.keys import MISSING

Path = tuple[str, ...]


def split(path: str) -> Path:
    return tuple(path.split("."))


def leaves(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Every value that a query on `path` looks at; `MISSING` where a document lacks it.

    An array on the way stands for each of its documents, and for the element that a number names. Arrays at the
    end are given whole.
    """
    return (leaf for leaf, _ in _walk(value, path, 0))


def elements(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """The leaves, and the elements of those that are arrays (save where a number named just that array)."""
    for leaf, named in _walk(value, path, 0):
        if isinstance(leaf, list) and not named:
            yield from leaf
        yield leaf


def _walk(value: Any, path: Sequence[str], at: int) -> Iterator[tuple[Any, bool]]:
    if at == len(path):
        yield value, False
    elif isinstance(value, dict):
        if path[at] in value:
            yield from _walk(value[path[at]], path, at + 1)
        else:
            yield MISSING, False
    elif isinstance(value, list):
        name = path[at]
        if name.isdecimal() and int(name) < len(value):
            if at + 1 == len(path):
                yield value[int(name)], True
            else:
                yield from _walk(value[int(name)], path, at + 1)
        for item in value:
            if isinstance(item, dict):
                yield from _walk(item, path, at)
    else:
        yield MISSING, False


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
