"""Documents and index keys in SQLite tables. Used by one thread only, within transactions that its caller opens.

A collection is a table of BSON by row number with the key of `_id`; every other index is a table of (key, row).
A write first checks every rule (size, `_id`, unique keys), then changes rows, so that a refusal leaves no trace.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mediaserver.documentserver.errors import DUPLICATE_KEY, CommandError, Document
from mediaserver.documentserver.matching.keys import MISSING
from mediaserver.documentserver.planning import scanning
from mediaserver.documentserver.planning.indexes import Index, Key, id_index, parse_index
from mediaserver.documentserver.planning.planner import Plan
from mediaserver.documentserver.planning.scanning import Row
from mediaserver.documentserver.wire import MAX_DOCUMENT, decode, encode

Entries = dict[bytes, Key]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS collections (
  id INTEGER PRIMARY KEY, db TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (db, name));
CREATE TABLE IF NOT EXISTS indexes (
  id INTEGER PRIMARY KEY, collection INTEGER NOT NULL, spec BLOB NOT NULL, multikey INTEGER NOT NULL);
"""


@dataclass(slots=True)
class Collection:
    """One collection's tables: `d{id}` for documents, `i{index.id}` for each index but that of `_id`."""

    sql: sqlite3.Connection
    id: int
    database: str
    name: str
    indexes: list[Index]

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.name}"

    def read(self, plan: Plan, limit: int = -1) -> Iterator[Row]:
        """Rows in the plan's order, each once. The caller must not write before the iterator is done with.

        Where that saves work, no more than `limit` (-1: all) are given.
        """
        return scanning.read(self.sql, f"d{self.id}", plan, limit)

    def fetch(self, number: int) -> bytes | None:
        row = self.sql.execute(f"SELECT doc FROM d{self.id} WHERE n = ?", (number,)).fetchone()
        return row[0] if row else None

    def count(self, plan: Plan) -> int | None:
        """How many rows the plan gives, by its indexes alone; None when they cannot tell."""
        return scanning.count(self.sql, f"d{self.id}", plan)

    def insert(self, document: Document, raw: bytes | None = None) -> None:
        """`document` has an `_id`; `raw` is its encoding where the client sent just that."""
        raw = _checked(document, raw)
        entries = self._entries(document)
        self._refuse_duplicates(self.indexes, entries)
        ((key, _),) = entries[0].items()
        cursor = self.sql.execute(f"INSERT INTO d{self.id} (id, doc) VALUES (?, ?)", (key, raw))
        assert cursor.lastrowid is not None
        for index, keys in zip(self.indexes[1:], entries[1:], strict=True):
            self._add_keys(index, keys, cursor.lastrowid)
            self._note_arrays(index, keys, document)

    def replace(self, number: int, old: Document, new: Document) -> bool:
        """Whether anything changed: a value, its type or the order of fields. Only its indexes are touched."""
        changed = _changed(old, new)
        if not changed and list(old) == list(new):
            return False
        raw = _checked(new, None)
        touched = [index for index in self.indexes[1:] if not index.roots.isdisjoint(changed)]
        before = [index.keys(old) for index in touched]
        after = [index.keys(new) for index in touched]
        added = [_without(keys, gone) for keys, gone in zip(after, before, strict=True)]
        self._refuse_duplicates(touched, added)
        self.sql.execute(f"UPDATE d{self.id} SET doc = ? WHERE n = ?", (raw, number))
        for index, had, has, fresh in zip(touched, before, after, added, strict=True):
            self._remove_keys(index, _without(had, has), number)
            self._add_keys(index, fresh, number)
            self._note_arrays(index, has, new)
        return True

    def delete(self, number: int, document: Document) -> None:
        for index in self.indexes[1:]:
            self._remove_keys(index, index.keys(document), number)
        self.sql.execute(f"DELETE FROM d{self.id} WHERE n = ?", (number,))

    def _entries(self, document: Document) -> list[Entries]:
        return [index.keys(document) for index in self.indexes]

    def _refuse_duplicates(self, indexes: list[Index], entries: list[Entries]) -> None:
        for index, keys in zip(indexes, entries, strict=True):
            if index.unique:
                table, column = (f"d{self.id}", "id") if index.is_id else (f"i{index.id}", "key")
                for key, row in keys.items():
                    if self.sql.execute(f"SELECT 1 FROM {table} WHERE {column} = ?", (key,)).fetchone():
                        raise self.duplicate(index, row)

    def duplicate(self, index: Index, row: Key) -> CommandError:
        shown = index.shown(row)
        return CommandError(
            DUPLICATE_KEY,
            f"E11000 duplicate key error collection: {self.namespace} index: {index.name} dup key: {shown!r}",
            keyPattern=index.pattern(),
            keyValue=shown,
        )

    def _add_keys(self, index: Index, keys: Entries, number: int) -> None:
        if keys:
            self.sql.executemany(f"INSERT INTO i{index.id} VALUES (?, ?)", [(key, number) for key in keys])

    def _note_arrays(self, index: Index, keys: Entries, document: Document) -> None:
        if keys and not index.multikey and index.is_multikey_for(document):
            index.multikey = True
            self.sql.execute("UPDATE indexes SET multikey = 1 WHERE id = ?", (index.id,))

    def _remove_keys(self, index: Index, keys: Entries, number: int) -> None:
        self.sql.executemany(f"DELETE FROM i{index.id} WHERE key = ? AND n = ?", [(key, number) for key in keys])


class Storage:
    """All collections of one SQLite file."""

    def __init__(self, path: str, synchronous: str) -> None:
        self.sql = sqlite3.connect(path, isolation_level=None, cached_statements=512, check_same_thread=False)
        # The lock makes a second server on the same file fail instead of disagreeing about what is cached.
        for pragma in (
            "locking_mode = EXCLUSIVE",
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            "cache_size = -65536",
            "busy_timeout = 2000",
        ):
            self.sql.execute(f"PRAGMA {pragma}")
        self.sql.executescript(_SCHEMA)
        self.collections: dict[tuple[str, str], Collection] = {}
        self.load()

    def load(self) -> None:
        """Read the definitions again: at the start, and after a transaction was rolled back."""
        self.collections = {}
        by_id = {}
        for number, database, name in self.sql.execute("SELECT id, db, name FROM collections"):
            by_id[number] = Collection(self.sql, number, database, name, [id_index()])
            self.collections[database, name] = by_id[number]
        rows = self.sql.execute("SELECT id, collection, spec, multikey FROM indexes ORDER BY id").fetchall()
        for number, collection, spec, multikey in rows:
            definition = decode(spec)
            if "_fts" in definition["key"]:  # a text index of an earlier version
                self.sql.execute(f"DROP TABLE i{number}")
                self.sql.execute("DELETE FROM indexes WHERE id = ?", (number,))
                continue
            index = parse_index(definition)
            index.id, index.multikey = number, bool(multikey)
            by_id[collection].indexes.append(index)

    def close(self) -> None:
        self.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.sql.close()

    def find(self, database: str, name: str) -> Collection | None:
        return self.collections.get((database, name))

    def make(self, database: str, name: str) -> Collection:
        """The collection, created now if there is none: the first write makes it."""
        if found := self.find(database, name):
            return found
        if not name or "$" in name or "\0" in name or name.startswith("system."):
            raise CommandError(73, f"Invalid namespace specified '{database}.{name}'")
        cursor = self.sql.execute("INSERT INTO collections (db, name) VALUES (?, ?)", (database, name))
        assert cursor.lastrowid is not None
        number = cursor.lastrowid
        self.sql.execute(
            f"CREATE TABLE d{number} (n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, doc BLOB NOT NULL)"
        )
        made = self.collections[database, name] = Collection(self.sql, number, database, name, [id_index()])
        return made

    def drop(self, collection: Collection) -> None:
        for index in collection.indexes[1:]:
            self.drop_index(collection, index)
        self.sql.execute(f"DROP TABLE d{collection.id}")
        self.sql.execute("DELETE FROM collections WHERE id = ?", (collection.id,))
        del self.collections[collection.database, collection.name]

    def add_index(self, collection: Collection, index: Index) -> None:
        entries, owners = [], dict[bytes, int]()
        for number, raw in collection.read(Plan()):
            document = decode(raw)
            keys = index.keys(document)
            index.multikey = index.multikey or (bool(keys) and index.is_multikey_for(document))
            for key, row in keys.items():
                if index.unique and owners.setdefault(key, number) != number:
                    raise collection.duplicate(index, row)
                entries.append((key, number))
        cursor = self.sql.execute(
            "INSERT INTO indexes (collection, spec, multikey) VALUES (?, ?, ?)",
            (collection.id, encode(index.options()), index.multikey),
        )
        assert cursor.lastrowid is not None
        index.id = cursor.lastrowid
        primary = "key" if index.unique else "key, n"
        self.sql.execute(
            f"CREATE TABLE i{index.id} (key BLOB NOT NULL, n INTEGER NOT NULL, PRIMARY KEY ({primary}))"
            " WITHOUT ROWID"
        )
        self.sql.executemany(f"INSERT INTO i{index.id} VALUES (?, ?)", sorted(entries))
        collection.indexes.append(index)

    def drop_index(self, collection: Collection, index: Index) -> None:
        self.sql.execute(f"DROP TABLE i{index.id}")
        self.sql.execute("DELETE FROM indexes WHERE id = ?", (index.id,))
        collection.indexes.remove(index)


def _without(keys: Entries, others: Entries) -> Entries:
    return {key: row for key, row in keys.items() if key not in others}


def _changed(old: Document, new: Document) -> set[str]:
    """The names of the fields whose value is another."""
    fields = {name for name, value in new.items() if name not in old or not _same(value, old[name])}
    return fields.union(name for name in old if name not in new)


def _same(new: Any, old: Any) -> bool:
    """Equal in value, type and order of fields, which is when MongoDB calls a document unmodified."""
    if type(new) is not type(old):
        return False
    if isinstance(new, dict):
        return list(new) == list(old) and all(_same(new[name], old[name]) for name in new)
    if isinstance(new, list):
        return len(new) == len(old) and all(map(_same, new, old))
    return bool(new == old)


def _checked(document: Document, raw: bytes | None) -> bytes:
    identity = document.get("_id", MISSING)
    if isinstance(identity, list) or identity is MISSING:
        raise CommandError(53, "The '_id' value cannot be an array or absent")
    _check_names(document)
    raw = raw if raw is not None else encode(document)
    if len(raw) > MAX_DOCUMENT:
        raise CommandError(
            10334, f"object to insert too large. size in bytes: {len(raw)}, max size: {MAX_DOCUMENT}"
        )
    return raw


def _check_names(value: Any) -> None:
    """Names that begin with `$` would read as operators later (a DBRef, decoded, is made of such names)."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name.startswith("$"):
                raise CommandError(52, f"The dollar ($) prefixed field '{name}' is not allowed")
            if type(item) not in _SCALARS:
                _check_names(item)
    elif isinstance(value, list):
        for item in value:
            if type(item) not in _SCALARS:
                _check_names(item)
    elif type(value).__name__ == "DBRef":
        raise CommandError(52, "The dollar ($) prefixed field '$ref' is not allowed")


_SCALARS = {str, int, float, bool, type(None)}
