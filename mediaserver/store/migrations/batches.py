"""Applies one migration in batches, so that memory and requests stay small however many documents there are."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from mediaserver.base.clock import Clock
from mediaserver.base.errors import StartError
from mediaserver.store.migrations.migration import Migration, Stored
from mediaserver.store.mongo import Database

BATCH: Final = 500
_BATCH_S: Final = 120.0
_ATTEMPTS: Final = 10
_VERSION: Final = ("revision", "updatedAt")
_DUPLICATE: Final = 11000

Report = Callable[[str, int], Awaitable[None]]
"""Called after each batch with the id of its last document and the number of documents that it changed."""


@dataclass(frozen=True, slots=True)
class Batches:
    """The documents of a migration's collection, in the order of their ids."""

    database: Database
    migration: Migration
    clock: Clock
    size: int = BATCH

    async def apply(self, position: str, after_each: Report, again: bool = False) -> None:
        """Change the documents after `position`. `again` computes derived fields of all documents anew."""
        migration = self.migration
        if migration.prepare is not None:
            await migration.prepare(self.database.raw)
        work = self._again if again and migration.derived else self._change_pending
        while ids := await self._next_ids(position):
            changed = await work({"_id": {"$gt": position, "$lte": ids[-1]}})
            position = ids[-1]
            await after_each(position, changed)

    async def _next_ids(self, position: str) -> list[str]:
        found = await self._find({"_id": {"$gt": position}}, {"_id": 1}, self.size)
        return [one["_id"] for one in found]

    async def _change_pending(self, within: Stored) -> int:
        """Change what is pending in a batch; what somebody edits at the same time is read once more."""
        changed = 0
        for _ in range(_ATTEMPTS):
            found = await self._find({**self.migration.pending, **within}, self._fields())
            if not found:
                return changed
            changed += await self._write(found, self.migration.pending)
        migration = self.migration
        raise StartError(f"migration {migration} leaves {migration.collection} {found[0]['_id']} as it was")

    async def _again(self, within: Stored) -> int:
        return await self._write(await self._find(within, self._fields()), None)

    async def _write(self, found: Sequence[Stored], pending: Any) -> int:
        """Of these documents those that are still as they were read get their changes; the number of them."""
        now, changes = self.clock(), []
        for stored in found:
            change = self.migration.change(stored, now)
            if update := change.update():
                differs = pending if pending is not None else {"$nor": [_state_after(update)]}
                changes.append((stored, UpdateOne({**differs, **_as_read(stored)}, update)))
        if not changes:
            return 0
        operations = [operation for _, operation in changes]
        collection = self.database.raw[self.migration.collection]
        try:
            result = await self.database.run(
                lambda: collection.bulk_write(operations, ordered=False), limit_s=_BATCH_S
            )
        except BulkWriteError as error:
            details: Stored = dict(error.details or {})
            faults = details.get("writeErrors", [])
            if self.migration.refused is None or any(fault["code"] != _DUPLICATE for fault in faults):
                raise
            for fault in faults:
                await self._write_refused(changes[fault["index"]][0])
            return int(details.get("nModified", 0)) + len(faults)
        return result.modified_count

    async def _write_refused(self, stored: Stored) -> None:
        assert self.migration.refused is not None
        update = self.migration.refused(stored, self.clock()).update()
        collection = self.database.raw[self.migration.collection]
        await self.database.run(lambda: collection.update_one(_as_read(stored), update))

    def _fields(self) -> list[str] | None:
        reads = self.migration.reads
        return [*reads, *_VERSION] if reads else None

    async def _find(self, query: Stored, fields: Any, limit: int = 0) -> list[Stored]:
        collection = self.database.raw[self.migration.collection]
        return await self.database.run(
            lambda: collection.find(query, fields, sort=[("_id", 1)], limit=limit).to_list(), limit_s=_BATCH_S
        )


def _as_read(stored: Stored) -> Stored:
    """The filter of a document that nobody has edited since it was read."""
    version = {name: stored.get(name, {"$exists": False}) for name in _VERSION}
    return {"_id": stored["_id"], **version}


def _state_after(update: Stored) -> Stored:
    """The filter of documents that look already as after this update."""
    gone = {name: {"$exists": False} for name in update.get("$unset", ())}
    return {**{name: {"$eq": value} for name, value in update.get("$set", {}).items()}, **gone}
