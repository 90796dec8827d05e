"""One contract for every resource: 401, 403, 404, 422, locations, pages that stay stable."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from mediaserver.api import RESOURCES
from mediaserver.api.resource import Resource
from mediaserver.api.resources.direct_messages import DIRECT_MESSAGES
from mediaserver.api.resources.learning import LEARNING
from mediaserver.api.resources.notifications import NOTIFICATIONS
from mediaserver.api.resources.sessions import SESSIONS
from mediaserver.base.ids import new_id
from mediaserver.domain.actor import Actor
from mediaserver.domain.notifications import Notification
from mediaserver.domain.sessions import KINDS
from mediaserver.usecases import sessions
from mediaserver.usecases.notifications import notify
from tests.api.conftest import Client, bearer
from tests.usecases.world import World

Ids = list[str]


@dataclass
class Case:
    """How to fill one resource: `make(world, n)` stores n documents that belong to ada."""

    resource: Resource[Any]
    make: Callable[[World, int], Awaitable[Ids]]
    good: dict[str, Any]
    """A body that creates, or changes where nothing is created."""
    private: bool = False
    """Strangers may not even read it."""


async def _people(world: World, n: int) -> Ids:
    others = [(await world.person(f"person{i}")).user_id for i in range(n - 1)]
    user = await world.ctx.users.find_one({"username": "ada"})
    assert user is not None
    return [user.id, *others]


def _sessions(kind: Any) -> Callable[[World, int], Awaitable[Ids]]:
    async def make(world: World, n: int) -> Ids:
        ada = await world.ctx.users.find_one({"username": "ada"})
        assert ada is not None
        actor = Actor(ada.id, ada.username, ada.role, "login")
        return [(await sessions.create(world.ctx, actor, kind, {"title": f"t{i}"})).id for i in range(n)]

    return make


async def _notifications(world: World, n: int) -> Ids:
    ada = await world.ctx.users.find_one({"username": "ada"})
    assert ada is not None
    for _ in range(n):
        await notify(world.ctx, [ada.id], "mentioned", {"tweetId": new_id()}, new_id())
    return [one.id for one in await world.ctx.of(Notification).find({"userId": ada.id})]


CASES = {
    "/users": Case(RESOURCES[0], _people, {"profile": {"bio": "Counts."}}),
    **{
        resource.path: Case(resource, _sessions(kind), {"title": "Algebra"})
        for kind, resource in zip(KINDS, SESSIONS.values(), strict=True)
    },
    "/notifications": Case(NOTIFICATIONS, _notifications, {"isRead": True}, private=True),
}


def test_every_resource_has_its_case() -> None:
    elsewhere = (*LEARNING, DIRECT_MESSAGES)
    assert set(CASES) == {resource.path for resource in RESOURCES if resource not in elsewhere}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def url(case: Case, id: str = "") -> str:
    return f"/api/v1{case.resource.path}{id and '/' + id}"


async def test_without_a_token_401(client: Client, case: Case) -> None:
    calls = [("GET", url(case)), ("GET", url(case, new_id()))]
    calls += [("POST", url(case))] if case.resource.create else []
    calls += [("PATCH", url(case, new_id()))] if case.resource.update else []
    calls += [("DELETE", url(case, new_id()))] if case.resource.deletable else []
    for method, path in calls:
        for headers in ({}, bearer("x.y.z"), {"Authorization": "Basic YTpi"}):
            answer = await client.request(method, path, headers=headers, json={})
            assert answer.status == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.content_type == "application/problem+json"
            assert (await answer.json())["status"] == 401


async def test_a_stranger_403(client: Client, world: World, case: Case) -> None:
    await world.token("ada")
    (one,) = await case.make(world, 1)
    stranger = bearer(await world.token("eve"))
    answer = await client.patch(url(case, one), json=case.good, headers=stranger)
    assert answer.status == 403 and (await answer.json())["code"] == "forbidden"
    if case.resource.deletable:
        assert (await client.delete(url(case, one), headers=stranger)).status == 403
    assert (await client.get(url(case, one), headers=stranger)).status == (403 if case.private else 200)


async def test_what_is_not_there_404(client: Client, world: World, case: Case) -> None:
    ada = bearer(await world.token("ada"))
    for id in (new_id(), "nonsense", "%00", "..%2f..", "a" * 500):
        for method in ("GET", "PATCH", *(["DELETE"] if case.resource.deletable else [])):
            answer = await client.request(method, url(case, id), headers=ada, json={})
            assert answer.status == 404 and answer.content_type == "application/problem+json"


async def test_create_read_change_delete(client: Client, world: World, case: Case) -> None:
    ada = bearer(await world.token("ada"))
    if case.resource.create:
        made = await client.post(url(case), json=case.good, headers=ada)
        assert made.status == 201
        one = (await made.json())["id"]
        assert made.headers["Location"] == url(case, one)
        assert await (await client.get(made.headers["Location"], headers=ada)).json() == await made.json()
    else:
        (one,) = await case.make(world, 1)
        assert (await client.post(url(case), json=case.good, headers=ada)).status == 405
    changed = await client.patch(url(case, one), json=case.good, headers=ada)
    assert changed.status == 200
    assert case.good.items() <= _cut(await changed.json(), case.good).items()
    if case.resource.deletable:
        gone = await client.delete(url(case, one), headers=ada)
        assert gone.status == 204 and await gone.read() == b""
        other = bearer(await world.token("eve"))
        assert (await client.get(url(case, one), headers=other)).status == 404


def _cut(wire: Any, like: Any) -> Any:
    """`wire` with only what `like` has."""
    return {name: _cut(wire[name], value) for name, value in like.items()} if isinstance(like, dict) else wire


async def test_unknown_and_server_owned_fields_422(client: Client, world: World, case: Case) -> None:
    ada = bearer(await world.token("ada"))
    (one,) = await case.make(world, 1)
    bad = {"nonsense": 1, "id": new_id(), "createdAt": "2026-01-01T00:00:00Z", "$set": {}, "gone": None}
    calls = [("PATCH", url(case, one)), *([("POST", url(case))] if case.resource.create else [])]
    before = await (await client.get(url(case, one), headers=ada)).json()
    for method, path in calls:
        answer = await client.request(method, path, json={**case.good, **bad}, headers=ada)
        assert answer.status == 422
        assert {error["loc"] for error in (await answer.json())["errors"]} == set(bad)
    assert await (await client.get(url(case, one), headers=ada)).json() == before


WRONG_QUERIES = [
    ("limit=0", "limit"),
    ("limit=101", "limit"),
    ("limit=x", "limit"),
    ("nonsense=1", "nonsense"),
    ("title[$gt]=", "title[$gt]"),
    ("limit=1&limit=2", "limit"),
    ("cursor=nonsense", "cursor"),
    ("cursor=" + "A" * 600, "cursor"),
]


async def test_a_wrong_query_422(client: Client, world: World, case: Case) -> None:
    ada = bearer(await world.token("ada"))
    for query, loc in WRONG_QUERIES:
        answer = await client.get(f"{url(case)}?{query}", headers=ada)
        assert answer.status == 422, query
        assert [error["loc"] for error in (await answer.json())["errors"]] == [loc]


async def test_pages_stay_stable_while_things_are_added(client: Client, world: World, case: Case) -> None:
    ada = bearer(await world.token("ada"))
    made = await case.make(world, 7)
    seen: Ids = []
    cursor: str | None = ""
    while cursor is not None:
        query = f"?limit=3{cursor and '&cursor=' + cursor}"
        page = await (await client.get(url(case) + query, headers=ada)).json()
        assert set(page) == {"items", "nextCursor"} and len(page["items"]) <= 3
        seen += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        if case.resource.create:
            assert (await client.post(url(case), json=case.good, headers=ada)).status == 201
    assert sorted(seen) == sorted(made)


async def test_filters_narrow_by_equality(client: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    await world.token("root", "admin")
    page = await (await client.get("/api/v1/users?role=admin", headers=ada)).json()
    assert [item["username"] for item in page["items"]] == ["root"]
    answer = await client.get("/api/v1/users?role=king", headers=ada)
    assert (await answer.json())["errors"][0]["loc"] == "role"
    assert (await client.get("/api/v1/users?active=false", headers=ada)).status == 200
