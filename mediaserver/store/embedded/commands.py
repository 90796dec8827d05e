"""The table of commands: each with its handler and the options it understands; every other option is refused.

Handlers run in the storage thread inside its transaction. A handler that raises has changed nothing, save the
earlier writes of a batch, which it reports.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mediaserver.store.embedded.cursors import Cursors
from mediaserver.store.embedded.errors import CommandError, Document, number
from mediaserver.store.embedded.storage import Collection, Storage
from mediaserver.store.embedded.wire import Request

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
    now: datetime

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


Handler = Callable[[Context], Document]


@dataclass(frozen=True, slots=True)
class Command:
    handler: Handler
    options: frozenset[str]
    is_write: bool = False


TABLE: dict[str, Command] = {}


def command(name: str, options: str = "", is_write: bool = False) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        TABLE[name] = Command(handler, frozenset(options.split()), is_write)
        return handler

    return register


def run(storage: Storage, cursors: Cursors, request: Request) -> Document:
    """Check a command's envelope and perform it."""
    if request.refused is not None:
        raise request.refused
    name, body = request.command, request.body
    found = lookup(name)
    for option in (*body, *request.sequences):
        if option in _TRANSACTIONS:
            raise CommandError(20, "Transaction numbers are only allowed on a replica set member or mongos")
        if option != name and option not in GENERAL and option not in found.options:
            raise CommandError(40415, f"BSON field '{name}.{option}' is an unknown field.")
    database = body.get("$db")
    if not isinstance(database, str) or not database or set(database) & set('/\\. "$\0'):
        raise CommandError(73, f"Invalid database name: {database!r}")
    limit_ms = number(body.get("maxTimeMS", 0), "maxTimeMS")
    deadline = time.monotonic() + limit_ms / 1000 if limit_ms else None
    return found.handler(Context(storage, cursors, request, database, deadline, datetime.now(UTC)))


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
