from typing import Any

from mediaserver.api.accounts.user_resources import USERS
from mediaserver.api.sessions.session_resources import SESSIONS
from mediaserver.domain.sessions.sessions import KINDS
from mediaserver.usecases.sessions import sessions
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


CASES = {
    "/users": Case(USERS, _people, {"profile": {"bio": "Counts."}}),
    **{SESSIONS[kind].path: Case(SESSIONS[kind], _sessions(kind), {"title": "Algebra"}) for kind in KINDS},
}
