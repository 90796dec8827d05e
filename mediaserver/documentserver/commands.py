"""The table of commands: each with its handler and the options it understands; every other option is refused.

Handlers run in the storage thread inside its transaction. A handler that raises has changed nothing, save the
earlier writes of a batch, which it reports.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from mediaserver.documentserver.cursors import Cursors
from mediaserver.documentserver.errors import CommandError, Document, number
from mediaserver.documentserver.storage import Collection, Storage
from mediaserver.documentserver.wire import Request

# What any command may carry without changing what it does here: one node, always durable, always consistent.
GENERAL = frozenset(
    ("$db", "$readPreference", "$clusterTime", "lsid", "comment", "maxTimeMS", "readConcern", "writeConcern")
)
_TRANSACTIONS = ("txnNumber", "startTransaction", "autocommit")


@dataclass(slots=True)
class Context:
    """One command at work."""

    storage: Storage
    cursors: Cursors
    request: Request
    database: str
    deadline: float | None
    _now: datetime | None = None

    @property
    def now(self) -> datetime:
        """The time of the command, the same for all of it."""
        self._now = self._now or datetime.now(UTC)
        return self._now

    @property
    def body(self) -> Document:
        return self.request.body

    def named(self) -> str:
        """The collection that the command names."""
        name = self.body[self.request.command]
        if not isinstance(name, str) or not name:
            raise CommandError(73, f"collection name has invalid type or is empty: {name!r}")
        return name

    def collection(self) -> Collection | None:
        return self.storage.find(self.database, self.named())

    def namespace(self) -> str:
        return f"{self.database}.{self.named()}"


Handler = Callable[[Context], Document | bytes]
"""Gives the reply, which may be encoded already."""


@dataclass(frozen=True, slots=True)
class Command:
    handler: Handler
    options: frozenset[str]
    is_write: bool = False


TABLE: dict[str, Command] = {}
H = TypeVar("H", bound=Handler)


def command(name: str, options: str = "", is_write: bool = False) -> Callable[[H], H]:
    def register(handler: H) -> H:
        TABLE[name] = Command(handler, GENERAL.union(options.split(), [name]), is_write)
        return handler

    return register


def run(storage: Storage, cursors: Cursors, request: Request) -> Document | bytes:
    """Check a command's envelope and perform it."""
    if request.refused is not None:
        raise request.refused
    name, body = request.command, request.body
    found = lookup(name)
    for option in (*body, *request.sequences):
        if option not in found.options:
            if option in _TRANSACTIONS:
                raise CommandError(20, "Transaction numbers are only allowed on a replica set member or mongos")
            raise CommandError(40415, f"BSON field '{name}.{option}' is an unknown field.")
    database = _checked_database(body.get("$db"))
    limit_ms = number(body.get("maxTimeMS", 0), "maxTimeMS")
    deadline = time.monotonic() + limit_ms / 1000 if limit_ms else None
    return found.handler(Context(storage, cursors, request, database, deadline))


def _checked_database(name: Any) -> str:
    if name in _KNOWN_DATABASES:
        return str(name)
    if not isinstance(name, str) or not name or set(name) & set('/\\. "$\0'):
        raise CommandError(73, f"Invalid database name: {name!r}")
    if len(_KNOWN_DATABASES) < _MOST_KNOWN:
        _KNOWN_DATABASES.add(name)
    return name


_KNOWN_DATABASES: set[str] = set()
_MOST_KNOWN = 1000


def lookup(name: str) -> Command:
    if name not in TABLE:
        raise CommandError(59, f"no such command: '{name}'")
    return TABLE[name]


def value_of(body: Document, name: str, kind: type, default: Any) -> Any:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise CommandError(14, f"{name} must be of type {kind.__name__}")
    return value
