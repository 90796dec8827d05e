"""Brings a database up to the migrations that this version knows, before anything else uses it.

Any number of servers may start at once: one migrates, the others wait. A migration that was cut off goes on where
it stopped. At each start, finished migrations are applied to what was added since the last look, because servers
of the previous version, which may still run, do not know the new fields.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from pymongo.errors import PyMongoError

from mediaserver.base.clock import Clock, utc_now
from mediaserver.base.errors import StartError
from mediaserver.base.ids import first_id_at
from mediaserver.domain.documents.document import Document
from mediaserver.store.migrations.batches import BATCH, Batches
from mediaserver.store.migrations.lease import Lease, LeaseLost, LeaseTimes
from mediaserver.store.migrations.migration import Migration
from mediaserver.store.migrations.registry import MIGRATIONS
from mediaserver.store.migrations.state import STARTED, Applied, States, newest
from mediaserver.store.mongo import Database

log = logging.getLogger(__name__)

_CLOCKS: Final = timedelta(hours=1)
"""By this much the clocks of servers may differ."""
_COUNTING_S: Final = 600.0
_LOG_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of one migration; `pending` counts the documents that it would change."""

    migration: Migration
    finished_at: datetime | None
    pending: int

    def line(self) -> str:
        done = f"applied {self.finished_at:%Y-%m-%d %H:%M} UTC" if self.finished_at else "pending"
        number, name = self.migration.number, self.migration.name
        return f"{number:04} {name}: {done}, {self.pending} of {self.migration.collection} to change"


class Migrator:
    """Migrates one database. `documents` are all classes that are stored: where none is, the database is new."""

    def __init__(
        self,
        database: Database,
        documents: Sequence[type[Document]],
        server: str = "mediaserver",
        migrations: Sequence[Migration] = MIGRATIONS,
        clock: Clock = utc_now,
        times: LeaseTimes | None = None,
        batch: int = BATCH,
    ) -> None:
        self._database, self._documents, self._server = database, documents, server
        self._migrations, self._clock = sorted(migrations, key=lambda one: one.number), clock
        self._times, self._batch = times or LeaseTimes(), batch
        self._states = States(database, clock)

    async def run(self, again: bool = False) -> int:
        """Apply what is pending and return the number of documents changed; `again` looks at all documents.

        Raises `StartError` when the database belongs to a newer version, or a migration fails.
        """
        states = await self._states.all()
        self._refuse_newer(states)
        if not again and not await self._behind(states):
            return 0
        while True:
            lease = Lease(self._database, self._server, self._times)
            try:
                async with lease.held():
                    return await self._run_under(lease, again)
            except LeaseLost:
                log.warning("another server goes on migrating the database")

    async def status(self) -> list[Status]:
        """All migrations in their order; changes nothing. Raises `StartError` as `run` does."""
        states = await self._states.all()
        self._refuse_newer(states)
        found = []
        for migration in self._migrations:
            state = states.get(migration.number)
            count = partial(self._database.raw[migration.collection].count_documents, migration.pending)
            pending = await self._database.run(count, limit_s=_COUNTING_S)
            found.append(Status(migration, state.finished_at if state else None, pending))
        return found

    async def reports(self) -> list[tuple[Migration, str]]:
        """What migrations have to say to an operator."""
        return [
            (migration, sentence)
            for migration in self._migrations
            if migration.report is not None
            for sentence in await migration.report(self._database.raw)
        ]

    # ------------------------------------------------------------------------------------------ within

    def _refuse_newer(self, states: dict[int, Applied]) -> None:
        known = newest(self._migrations)
        unknown = [state for number, state in states.items() if number > known]
        for state in unknown:
            if state.requires > known:
                raise StartError(
                    f"the database was changed by a newer version of mediaserver (migration {state.number}, "
                    f"{state.name}), with which this version, which knows migrations up to {known}, cannot work: "
                    "install the newer version, or restore the backup that was made before the upgrade"
                )
        if unknown:
            log.warning(
                "the database was migrated by a newer version of mediaserver; this one works with it",
                extra={"newest": max(state.number for state in unknown), "known": known},
            )

    async def _behind(self, states: dict[int, Applied]) -> bool:
        """Whether something has to be migrated. Of finished migrations only what was added since is looked at."""
        for migration in self._migrations:
            state = states.get(migration.number)
            if state is None or state.finished_at is None:
                return True
            if await self._stragglers(migration, state):
                return True
            if state.checked_at is None or self._clock() - state.checked_at > _CLOCKS:
                await self._states.checked(migration)
        return False

    async def _stragglers(self, migration: Migration, state: Applied) -> bool:
        query = {**migration.pending, "_id": {"$gte": _since(state)}}
        found = await self._database.run(
            lambda: self._database.raw[migration.collection].find_one(query, {"_id": 1}), limit_s=_COUNTING_S
        )
        return found is not None

    async def _run_under(self, lease: Lease, again: bool) -> int:
        states = await self._states.all()
        if not states and await self._is_new():
            for migration in self._migrations:
                await self._states.finished(migration, 0)
            return 0
        changed = 0
        for migration in self._migrations:
            state = states.get(migration.number) or Applied(migration.number, migration.name)
            try:
                changed += await self._apply(migration, state, lease, again)
            except PyMongoError as error:
                raise StartError(f"migration {migration} failed: {str(error)[:300]}") from error
        return changed

    async def _is_new(self) -> bool:
        names = await self._database.run(lambda: self._database.raw.list_collection_names())
        for document in self._documents:
            if document.collection in names:
                any_document = partial(self._database.raw[document.collection].find_one, {}, {"_id": 1})
                if await self._database.run(any_document) is not None:
                    return False
        return True

    async def _apply(self, migration: Migration, state: Applied, lease: Lease, again: bool) -> int:
        first, before = state.finished_at is None, state.changed
        position = state.position
        if again:
            position = STARTED
        elif not first:
            position = _before(_since(state))
        if first:
            await self._states.started(migration)
            log.info("migrating", extra={"migration": str(migration), "after": position or None})
        changed = 0
        logged = self._clock()

        async def progress(last: str, more: int) -> None:
            nonlocal changed, logged
            changed += more
            lease.check()
            if first:
                await self._states.progressed(migration, last, before + changed)
            if self._clock() - logged > timedelta(seconds=_LOG_S):
                logged = self._clock()
                log.info("still migrating", extra={"migration": str(migration), "changed": before + changed})

        await Batches(self._database, migration, self._clock, self._batch).apply(position, progress, again)
        if first or changed:
            log.info("migrated", extra={"migration": str(migration), "changed": before + changed})
        if first:
            await self._states.finished(migration, before + changed)
        else:
            await self._states.checked(migration)
        return changed


def _since(state: Applied) -> str:
    """The first id that a document can have that was added since the last look."""
    assert state.finished_at is not None
    return first_id_at((state.checked_at or state.finished_at) - _CLOCKS)


def _before(id: str) -> str:
    """A position before this id: the smallest id less its last digit."""
    return id[:-1]
