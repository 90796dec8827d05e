"""A migration: which stored documents need it, and the change of each one, as a pure function.

Idempotent and resumable by construction: a changed document no longer matches `pending`, so running a migration
again, from any position, changes only what still needs it. Documents must be readable before and after it, since
servers of the previous version may run beside this one: a migration adds fields. Removing fields comes one
release later, in a migration with `requires`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

Stored = dict[str, Any]
Raw = AsyncDatabase[Stored]


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one document: stored names (`usernameFolded`) and stored values."""

    set: Mapping[str, Any] = field(default_factory=dict)
    unset: Sequence[str] = ()

    def update(self) -> Stored:
        """MongoDB's update document."""
        parts = {"$set": dict(self.set), "$unset": dict.fromkeys(self.unset, "")}
        return {operator: fields for operator, fields in parts.items() if fields}


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered migration of one collection."""

    number: int
    name: str
    """A few words in snake case, as in the name of the module."""
    collection: str
    pending: Mapping[str, Any]
    """The filter of documents that still need it, such as `{"usernameKey": {"$exists": False}}`."""
    change: Callable[[Stored, datetime], Change]
    """The change of a stored document, given the time. It does not touch `updatedAt` and `revision`: people have
    edited nothing."""
    reads: tuple[str, ...] = ()
    """The stored fields that `change` needs; empty for whole documents."""
    derived: bool = True
    """What `change` sets follows from other fields, so it can be computed again at any time. False where it would
    overwrite something else, such as a default that people change later."""
    prepare: Callable[[Raw], Awaitable[None]] | None = None
    """Runs before the first document of each run: for an index that the migration itself needs."""
    refused: Callable[[Stored, datetime], Change] | None = None
    """The change of a document whose first one a unique index has refused."""
    report: Callable[[Raw], Awaitable[Sequence[str]]] | None = None
    """Sentences for `mediaserver doctor`: what an operator should know or look after."""
    requires: int = 0
    """A server must know the migration with this number to run on a database that this one has changed. 0: any
    may, also one that is older than migrations."""

    def __str__(self) -> str:
        return f"{self.number} ({self.name})"
