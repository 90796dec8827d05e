"""Which users follow and block each other: needed for nearly every read, so cached for a short time.

Events about a change drop the users' entries on every node. Where events may have been missed, all entries go.
"""

from typing import Final

from mediaserver.domain.social.blocks import Block
from mediaserver.domain.social.follows import Follow
from mediaserver.store.repositories import Repositories
from mediaserver.usecases.documents.lookup_cache import Ids, Remembered
from mediaserver.usecases.events import BusInterrupted, CircleChanged, Events

_MAX_IDS: Final = 300_000
_TTL_S: Final = 30.0


class RelationshipCache:
    """The cache of one process; implements `usecases.interfaces.Relationships`."""

    def __init__(self, repositories: Repositories, events: Events) -> None:
        self._follows, self._blocks = repositories.of(Follow), repositories.of(Block)
        self._followed = Remembered(_MAX_IDS, _TTL_S)
        self._blocked = Remembered(_MAX_IDS, _TTL_S)
        events.subscribe(CircleChanged, self._changed)
        events.subscribe(BusInterrupted, self._interrupted)

    async def followed(self, user_id: str) -> Ids:
        """Return the ids of the users whom the user follows."""

        async def look_up() -> Ids:
            return frozenset(await self._follows.values({"followerUserId": user_id}, "followingUserId"))

        return await self._followed.get(user_id, look_up)

    async def blocked_either_way(self, user_id: str) -> Ids:
        """Return the ids of the users whom the user has blocked or who have blocked the user."""

        async def look_up() -> Ids:
            blocked = await self._blocks.values({"userId": user_id}, "blockedUserId")
            blocked_by = await self._blocks.values({"blockedUserId": user_id}, "userId")
            return frozenset((*blocked, *blocked_by))

        return await self._blocked.get(user_id, look_up)

    def _changed(self, event: CircleChanged) -> None:
        for user_id in event.user_ids:
            self._followed.drop(user_id)
            self._blocked.drop(user_id)

    def _interrupted(self, event: BusInterrupted) -> None:
        self._followed.clear()
        self._blocked.clear()
