"""Projections of find and findAndModify: which fields of a document are answered. Computed fields are refused."""

from collections.abc import Callable
from typing import Any

from mediaserver.documentserver.errors import CommandError, Document

Tree = dict[str, Any]  # a field to True, or to the tree below it
Project = Callable[[Document], Document]


def projection(source: Document) -> Project | None:
    """None when everything is wanted."""
    if not source:
        return None
    for name, wanted in source.items():
        if not isinstance(wanted, (bool, int, float)) or name.startswith("$") or ".$" in name:
            raise CommandError(2, f"projection {{{name}: {wanted!r}}} is not supported")
    ways = {bool(wanted) for name, wanted in source.items() if name != "_id"}
    if len(ways) > 1:
        raise CommandError(31254, "Cannot mix inclusion and exclusion in a projection")
    including = ways.pop() if ways else bool(source["_id"])
    with_id = bool(source.get("_id", True))
    tree: Tree = {}
    for name in source:
        if name != "_id":
            add_path(tree, name)
    if including:
        return include(tree | ({"_id": True} if with_id else {}))
    return exclude(tree | ({} if with_id else {"_id": True}))


def add_path(tree: Tree, name: str) -> None:
    *above, last = name.split(".")
    for part in above:
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            raise CommandError(31250, f"Path collision at {name}")
        tree = below
    if last in tree:
        raise CommandError(31250, f"Path collision at {name}")
    tree[last] = True


def include(tree: Tree) -> Project:
    return lambda document: _include(document, tree)


def exclude(tree: Tree) -> Project:
    return lambda document: _exclude(document, tree)


def _include(document: Document, tree: Tree) -> Document:
    result = {}
    for name, value in document.items():
        below = tree.get(name)
        if below is True:
            result[name] = value
        elif isinstance(below, dict):
            if isinstance(value, dict):
                result[name] = _include(value, below)
            elif isinstance(value, list):
                result[name] = _include_in_list(value, below)
    return result


def _include_in_list(values: list[Any], tree: Tree) -> list[Any]:
    result: list[Any] = []
    for value in values:
        if isinstance(value, dict):
            result.append(_include(value, tree))
        elif isinstance(value, list):
            result.append(_include_in_list(value, tree))
    return result


def _exclude(value: Any, tree: Tree) -> Any:
    if isinstance(value, list):
        return [_exclude(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for name, item in value.items():
        below = tree.get(name)
        if below is None:
            result[name] = item
        elif below is not True:
            result[name] = _exclude(item, below)
    return result
