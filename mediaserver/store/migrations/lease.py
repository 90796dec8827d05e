"""The lease under which one server at a time migrates a database.

It is a document with a holder and a counter that the holder increases while it works. Clocks are not compared: a
waiting server takes over when the counter has not grown for the length of the lease. Writes of a holder that has
lost its lease without noticing do no harm, because each changes only documents that still need it.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from pymongo.errors import DuplicateKeyError

from mediaserver.base.errors import Problem
from mediaserver.base.ids import new_id
from mediaserver.store.mongo import Database, Stored

log = logging.getLogger(__name__)

COLLECTION: Final = "migrations"
LEASE_ID: Final = "lease"
_REMINDER_S: Final = 30.0


class LeaseLost(Exception):
    """Another server has taken over."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """In seconds. A holder that is not heard of for `length_s` has died."""

    length_s: float = 10.0
    renewal_s: float = 2.0
    poll_s: float = 0.5


class Lease:
    """One attempt of this process to be the one that migrates."""

    def __init__(self, database: Database, server: str, times: LeaseTimes) -> None:
        self._database, self._server, self._times = database, server, times
        self._collection = database.raw[COLLECTION]
        self._holder = new_id()
        self._lost = False
        self._renewed_s = 0.0

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Wait until this server holds the lease, and renew it within the block."""
        await self._acquire()
        renewing = asyncio.create_task(self._renew(), name="migration lease")
        try:
            yield
        finally:
            renewing.cancel()
            with contextlib.suppress(Problem):
                await self._change({"holder": self._holder}, {"$set": {"holder": None}})

    def check(self) -> None:
        """Raise `LeaseLost` unless it is certainly still ours."""
        if self._lost or self._now() - self._renewed_s > self._times.length_s:
            raise LeaseLost

    async def _acquire(self) -> None:
        seen: tuple[Any, Any] | None = None
        since_s = logged_s = self._now()
        while True:
            now_s = self._now()
            found = await self._database.run(lambda: self._collection.find_one({"_id": LEASE_ID}))
            if found is None:
                if await self._insert():
                    return
                continue
            state = found["holder"], found["renewals"]
            if state != seen:
                if seen is None and found["holder"] is not None:
                    log.info("waiting for a server that migrates the database", extra={"server": found["server"]})
                seen, since_s = state, now_s
            if found["holder"] is None or now_s - since_s >= self._times.length_s:
                if found["holder"] is not None:
                    log.warning("taking over from a server that stopped while it migrated the database",
                                extra={"server": found["server"]})  # fmt: skip
                if await self._take(*state):
                    return
                continue
            if now_s - logged_s >= _REMINDER_S:
                logged_s = now_s
                log.info("still waiting for a server that migrates the database",
                         extra={"server": found["server"]})  # fmt: skip
            await asyncio.sleep(self._times.poll_s)

    async def _insert(self) -> bool:
        lease = {"_id": LEASE_ID, "holder": self._holder, "server": self._server, "renewals": 0}
        self._renewed_s = self._now()
        try:
            await self._database.run(lambda: self._collection.insert_one(lease), retried=False)
        except DuplicateKeyError:
            return False
        return True

    async def _take(self, holder: str | None, renewals: int) -> bool:
        self._renewed_s = self._now()
        return await self._change(
            {"holder": holder, "renewals": renewals},
            {"$set": {"holder": self._holder, "server": self._server}, "$inc": {"renewals": 1}},
        )

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._times.renewal_s)
            started_s = self._now()
            try:
                if not await self._change({"holder": self._holder}, {"$inc": {"renewals": 1}}):
                    self._lost = True
                    return
            except Problem:
                continue  # the store is away: the next attempt comes soon, and `check` counts the time
            self._renewed_s = started_s

    async def _change(self, where: Stored, change: Stored) -> bool:
        result = await self._database.run(
            lambda: self._collection.update_one({"_id": LEASE_ID, **where}, change), retried=False
        )
        return result.matched_count == 1

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
