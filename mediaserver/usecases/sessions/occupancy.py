"""When somebody was last in a session, and the end of sessions that nobody is in any more.

Every node renews `occupiedAt` of the sessions whose people it has, those within their grace included. Any node
ends a session that no node has renewed for `rooms.end_empty_session_s`, in one conditional update.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from mediaserver.base.settings.tree import Rooms
from mediaserver.domain.sessions.sessions import Session
from mediaserver.usecases.context import Context
from mediaserver.usecases.sessions import sessions

log = logging.getLogger(__name__)

_RENEWAL_S: Final = 30.0
_IDLE_S: Final = 60.0


def interval_s(settings: Rooms) -> float:
    """How often occupancy is renewed and looked at: well within the time after which a session ends."""
    limit_s = settings.end_empty_session_s
    return min(_RENEWAL_S, max(0.05, limit_s / 3)) if limit_s else _IDLE_S


async def occupy(ctx: Context, session: Session) -> None:
    """Somebody is about to join: from now on the session counts as occupied.

    Raises: Conflict("ended") when it ended since `session` was read.
    """
    now, fresh = ctx.clock(), timedelta(seconds=interval_s(ctx.settings.rooms))
    if session.occupied_at is not None and now - session.occupied_at < fresh:
        return  # no other update: hundreds may join at once
    live = {"_id": session.id, "status": "live"}
    if await ctx.sessions.update_one(live, set={"occupiedAt": now}, edits=False) is None:
        raise sessions.ended()


class Occupancy:
    """Renews and ends for one node: `step` runs every `interval_s`.

    `occupied` returns the ids of this node's sessions with people in them. A node ends sessions only once it has
    watched for the whole time without a gap: after a start, an outage of the store or a jump of the clock, people
    and other nodes have that time to come back.
    """

    def __init__(self, ctx: Context, occupied: Callable[[], Sequence[str]]) -> None:
        self._ctx, self._occupied = ctx, occupied
        self._last: datetime | None = None
        self._watching_since = ctx.clock()

    async def step(self) -> list[Session]:
        """Renew what is occupied; return the sessions that were ended."""
        limit = timedelta(seconds=self._ctx.settings.rooms.end_empty_session_s)
        now = self._ctx.clock()
        if ids := list(self._occupied()):
            live = {"_id": {"$in": ids}, "status": "live"}
            await self._ctx.sessions.update_many(live, set={"occupiedAt": now}, edits=False)
        if self._last is None or not timedelta(0) <= now - self._last <= limit / 2:
            self._watching_since = now
        self._last = now
        if not limit or now - self._watching_since < limit:
            return []
        return await self._end_unoccupied(now - limit)

    async def _end_unoccupied(self, since: datetime) -> list[Session]:
        unoccupied = {"occupiedAt": {"$lt": since}, "endsWhenEmpty": {"$ne": False}}
        ended = []
        async for session in self._ctx.sessions.each({"status": "live", **unoccupied}):
            if not await self._ctx.participants.exists({"sessionId": session.id}):
                continue  # it was live before occupancy was stored, and nobody has come yet
            if await sessions.finish(self._ctx, session, unoccupied):
                log.info("ended a session that nobody was in", extra={"room": f"{session.kind}:{session.id}"})
                ended.append(session)
        return ended
