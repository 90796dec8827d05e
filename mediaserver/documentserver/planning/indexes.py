"""What an index is: its definition, checked, and the keys under which it files a document.

A key is the joined encodings of the index's fields, inverted where a field descends. A document whose field is an
array is filed under each element (a multikey index).
"""

from dataclasses import dataclass, field
from typing import Any

from mediaserver.documentserver.errors import CommandError, Document, number, refuse_unknown
from mediaserver.documentserver.matching.filters import Filter
from mediaserver.documentserver.matching.keys import MISSING, UNDEFINED, Missing, encode, invert
from mediaserver.documentserver.matching.paths import Path, leaves, split

Key = tuple[Any, ...]

_KNOWN = frozenset(
    ("v", "key", "name", "unique", "sparse", "partialFilterExpression", "expireAfterSeconds", "background", "ns")
)
_IN_PARTIAL = {"$eq", "$exists", "$gt", "$gte", "$lt", "$lte", "$type", "$in"}
_EMPTY_ARRAY = object()


@dataclass(slots=True)
class Index:
    """A checked definition. `id` names its table; `multikey` is set once a document had an array there.

    `roots` are the fields of a document, by their first names, that decide about its keys.
    """

    name: str
    fields: tuple[tuple[str, int], ...]
    unique: bool = False
    sparse: bool = False
    partial: Document | None = None
    expire_after_s: int | None = None
    id: int = 0
    multikey: bool = False
    paths: tuple[Path, ...] = ()
    partial_filter: Filter | None = field(default=None, compare=False)
    roots: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.paths = tuple(split(name) for name, _ in self.fields)
        self.partial_filter = Filter(self.partial) if self.partial is not None else None
        conditions = self.partial_filter.conditions if self.partial_filter else []
        self.roots = frozenset([path[0] for path in self.paths] + [split(c.path)[0] for c in conditions])

    @property
    def is_id(self) -> bool:
        return self.name == "_id_"

    def pattern(self) -> Document:
        return dict(self.fields)

    def options(self) -> Document:
        """The definition as `listIndexes` shows it."""
        shown: Document = {"v": 2, "key": self.pattern(), "name": self.name}
        if self.unique:
            shown["unique"] = True
        if self.sparse:
            shown["sparse"] = True
        if self.partial is not None:
            shown["partialFilterExpression"] = self.partial
        if self.expire_after_s is not None:
            shown["expireAfterSeconds"] = self.expire_after_s
        return shown

    def keys(self, document: Document) -> dict[bytes, Key]:
        """The keys of a document with the values that they stand for; empty when it is not indexed."""
        if self.partial_filter and not self.partial_filter.matches(document):
            return {}
        columns = [_column(document, path) for path in self.paths]
        if self.sparse and all(column == [MISSING] for column in columns):
            return {}
        many = [number for number, column in enumerate(columns) if len(column) > 1]
        if len(many) > 1:
            raise CommandError(171, f"cannot index parallel arrays in index {self.name}")
        rows = [tuple(column[0] for column in columns)]
        if many:
            at = many[0]
            rows = [(*rows[0][:at], value, *rows[0][at + 1 :]) for value in columns[at]]
        return {self._encode(row): row for row in rows}

    def is_multikey_for(self, document: Document) -> bool:
        return any(any(isinstance(part, list) for part in _on_the_way(document, path)) for path in self.paths)

    def shown(self, row: Key) -> Document:
        """A key as an error message shows it."""
        values = (None if isinstance(value, Missing) or value is _EMPTY_ARRAY else value for value in row)
        return dict(zip(self.pattern(), values, strict=True))

    def _encode(self, row: Key) -> bytes:
        parts = []
        for value, (_, direction) in zip(row, self.fields, strict=True):
            part = UNDEFINED if value is _EMPTY_ARRAY else encode(value)
            parts.append(part if direction == 1 else invert(part))
        return b"".join(parts)


def _column(document: Document, path: Path) -> list[Any]:
    values: list[Any] = []
    for leaf in leaves(document, path):
        if isinstance(leaf, list):
            values += leaf or [_EMPTY_ARRAY]
        else:
            values.append(leaf)
    return values or [MISSING]


def _on_the_way(value: Any, path: Path) -> Any:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return
        value = value[name]
        yield value


def id_index() -> Index:
    return Index("_id_", (("_id", 1),), unique=True)


def parse_index(source: Document) -> Index:
    """Check a definition of `createIndexes`; kinds of index that are not kept here are refused."""
    refuse_unknown(source, _KNOWN, "createIndexes.indexes")
    key, name = source.get("key"), source.get("name")
    if not isinstance(key, dict) or not key or not isinstance(name, str) or not name:
        raise CommandError(9, "an index needs a key and a name")
    for path, direction in key.items():
        if isinstance(direction, bool) or direction not in (1, -1):
            raise CommandError(67, f"index kind {direction!r} on '{path}' is not supported")
        if not path or "$**" in path or any(not part or part.startswith("$") for part in path.split(".")):
            raise CommandError(67, f"'{path}' cannot be indexed")
    partial = source.get("partialFilterExpression")
    if partial is not None:
        _check_partial(partial, bool(source.get("sparse")))
    expire = source.get("expireAfterSeconds")
    if expire is not None:
        expire = number(expire, "expireAfterSeconds")
        if len(key) != 1 or expire < 0:
            raise CommandError(67, "a TTL index has one field and a time that is not negative")
    if list(key) == ["_id"]:
        return id_index()
    fields = tuple((path, int(direction)) for path, direction in key.items())
    return Index(name, fields, bool(source.get("unique")), bool(source.get("sparse")), partial, expire)


def _check_partial(partial: Any, sparse: bool) -> None:
    if not isinstance(partial, dict) or sparse:
        raise CommandError(67, "partialFilterExpression must be a document, and excludes sparse")
    compiled = Filter(partial)
    _check_combinations(partial)
    for condition in compiled.conditions:
        if condition.operator not in _IN_PARTIAL or (condition.operator == "$exists" and not condition.operand):
            raise CommandError(67, f"{condition.operator} is not supported in a partial index")


def _check_combinations(partial: Document) -> None:
    for name, operand in partial.items():
        if name == "$and":
            for item in operand:
                _check_combinations(item)
        elif name.startswith("$"):
            raise CommandError(67, f"{name} is not supported in a partial index")
