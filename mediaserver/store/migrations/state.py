"""What a database knows of its migrations: one document each in the collection `migrations`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mediaserver.base.clock import Clock
from mediaserver.store.migrations.lease import COLLECTION, LEASE_ID
from mediaserver.store.migrations.migration import Migration
from mediaserver.store.mongo import Database, Stored

STARTED: Final = ""
"""The position before the first document."""


@dataclass(frozen=True, slots=True)
class Applied:
    """How far a migration has come."""

    number: int
    name: str
    requires: int = 0
    position: str = STARTED
    """The id of the last document that was looked at."""
    changed: int = 0
    finished_at: datetime | None = None
    checked_at: datetime | None = None
    """When documents that a server of the previous version has added since were last looked for."""


class States:
    """Reads and writes them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._collection = database.raw[COLLECTION]

    async def all(self) -> dict[int, Applied]:
        """By number; also those that only newer versions know."""
        found = await self._database.run(lambda: self._collection.find({"_id": {"$ne": LEASE_ID}}).to_list())
        return {one["_id"]: _applied(one) for one in found}

    async def started(self, migration: Migration) -> None:
        now = self._clock()
        await self._write(migration, {}, {"startedAt": now, "changed": 0})

    async def progressed(self, migration: Migration, position: str, changed: int) -> None:
        await self._write(migration, {"position": position, "changed": changed})

    async def finished(self, migration: Migration, changed: int) -> None:
        now = self._clock()
        await self._write(
            migration, {"finishedAt": now, "checkedAt": now, "changed": changed}, {"startedAt": now}
        )

    async def checked(self, migration: Migration) -> None:
        await self._write(migration, {"checkedAt": self._clock()})

    async def _write(self, migration: Migration, fields: Stored, first: Stored | None = None) -> None:
        always = {"name": migration.name, "requires": migration.requires, **fields}
        change: dict[str, Any] = {"$set": always}
        if first:
            change["$setOnInsert"] = {name: value for name, value in first.items() if name not in always}
        await self._database.run(
            lambda: self._collection.update_one({"_id": migration.number}, change, upsert=True)
        )


def _applied(stored: Stored) -> Applied:
    return Applied(
        number=stored["_id"],
        name=stored["name"],
        requires=stored.get("requires", 0),
        position=stored.get("position", STARTED),
        changed=stored.get("changed", 0),
        finished_at=stored.get("finishedAt"),
        checked_at=stored.get("checkedAt"),
    )


def newest(migrations: Sequence[Migration]) -> int:
    """The highest number that this version knows."""
    return max((migration.number for migration in migrations), default=0)
