"""Whom people follow and whom they do not see: asked at nearly every read, so remembered for a moment.

Events about it drop what is remembered, on every node; where events may have been missed all of it goes.
"""

from typing import TYPE_CHECKING, Final

from mediaserver.domain.social.blocks import Block
from mediaserver.domain.social.follows import Follow
from mediaserver.usecases.documents.lookup_cache import Ids, Remembered
from mediaserver.usecases.events import BusInterrupted, CircleChanged, Events

if TYPE_CHECKING:
    from mediaserver.usecases.context import Context

_MAX_IDS: Final = 300_000
_TTL_S: Final = 30.0


class Circles:
    """One a process."""

    def __init__(self, events: Events) -> None:
        self._followed = Remembered(_MAX_IDS, _TTL_S)
        self._hidden = Remembered(_MAX_IDS, _TTL_S)
        events.subscribe(CircleChanged, self._changed)
        events.subscribe(BusInterrupted, self._interrupted)

    async def followed(self, ctx: "Context", user_id: str) -> Ids:
        """Whom a person follows."""

        async def look_up() -> Ids:
            return frozenset(await ctx.of(Follow).values({"followerUserId": user_id}, "followingUserId"))

        return await self._followed.get(user_id, look_up)

    async def hidden(self, ctx: "Context", user_id: str) -> Ids:
        """Whom a person blocked, and who blocked them."""

        async def look_up() -> Ids:
            theirs = await ctx.of(Block).values({"userId": user_id}, "blockedUserId")
            return frozenset((*theirs, *await ctx.of(Block).values({"blockedUserId": user_id}, "userId")))

        return await self._hidden.get(user_id, look_up)

    def _changed(self, event: CircleChanged) -> None:
        for user_id in event.user_ids:
            self._followed.drop(user_id)
            self._hidden.drop(user_id)

    def _interrupted(self, event: BusInterrupted) -> None:
        self._followed.clear()
        self._hidden.clear()
