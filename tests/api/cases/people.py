from typing import Any

from mediaserver.api.resources.notifications import NOTIFICATIONS
from mediaserver.api.resources.sessions import SESSIONS
from mediaserver.api.resources.users import USERS
from mediaserver.base.ids import new_id
from mediaserver.domain.notifications import Notification
from mediaserver.domain.sessions import KINDS
from mediaserver.usecases import sessions
from mediaserver.usecases.notifications import notify
from tests.api.cases import Case, Ids, ada
from tests.usecases.world import World


async def _people(world: World, n: int) -> Ids:
    others = [(await world.person(f"person{i}")).user_id for i in range(n - 1)]
    return [(await ada(world)).user_id, *others]


def _sessions(kind: Any) -> Any:
    async def make(world: World, n: int) -> Ids:
        owner = await ada(world)
        return [(await sessions.create(world.ctx, owner, kind, {"title": f"t{i}"})).id for i in range(n)]

    return make


async def _notifications(world: World, n: int) -> Ids:
    owner = await ada(world)
    for _ in range(n):
        await notify(world.ctx, [owner.user_id], "mentioned", {"tweetId": new_id()}, new_id())
    return [one.id for one in await world.ctx.of(Notification).find({"userId": owner.user_id})]


CASES = {
    "/users": Case(USERS, _people, {"profile": {"bio": "Counts."}}),
    **{SESSIONS[kind].path: Case(SESSIONS[kind], _sessions(kind), {"title": "Algebra"}) for kind in KINDS},
    "/notifications": Case(NOTIFICATIONS, _notifications, {"isRead": True}, private=True),
}
