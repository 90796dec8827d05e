"""One contract for every resource: 401, 403, 404, 405, 422, locations, pages that stay stable."""

import re
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from mediaserver.api import RESOURCES, description
from mediaserver.base.ids import new_id
from tests.api.cases import Case, Ids, asked
from tests.api.cases.catalogue import CASES
from tests.api.conftest import Client, bearer
from tests.usecases.world import World


def test_every_resource_has_its_case() -> None:
    assert set(CASES) == {resource.path for resource in RESOURCES}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
async def ada(world: World, case: Case) -> dict[str, str]:
    return bearer(await world.token("ada", case.role))


@pytest.fixture
async def changer(world: World, ada: dict[str, str], case: Case) -> dict[str, str]:
    return ada if case.changer == "ada" else bearer(await world.token(case.changer))


async def test_without_a_token_401(client: Client, world: World, ada: dict[str, str], case: Case) -> None:
    listed = await case.list_path(world)
    calls = [("GET", listed), ("GET", case.path(new_id()))]
    calls += [("POST", await case.new_path(world))] if case.creates else []
    calls += [("PATCH", case.path(new_id()))] if case.resource.update else []
    calls += [("DELETE", case.path(new_id()))] if case.resource.delete else []
    for method, path in calls:
        for headers in ({}, bearer("x.y.z"), {"Authorization": "Basic YTpi"}):
            answer = await client.request(method, path, headers=headers, json={})
            assert answer.status == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.content_type == "application/problem+json"
            assert (await answer.json())["status"] == 401


async def test_a_stranger_403(client: Client, world: World, ada: dict[str, str], case: Case) -> None:
    (one,) = await case.make(world, 1)
    stranger = bearer(await world.token("eve"))
    if case.change:
        answer = await client.patch(case.path(one), json=case.change, headers=stranger)
        assert answer.status == 403 and (await answer.json())["code"] == case.refusal
    if case.resource.delete:
        assert (await client.delete(case.path(one), headers=stranger)).status == 403
    assert (await client.get(case.path(one), headers=stranger)).status == (403 if case.private else 200)


async def test_what_is_not_there_404(client: Client, ada: dict[str, str], case: Case) -> None:
    methods = ["GET", *(["PATCH"] if case.change else []), *(["DELETE"] if case.resource.delete else [])]
    for id in (new_id(), "nonsense", "%00", "..%2f..", "a" * 500):
        for method in methods:
            answer = await client.request(method, case.path(id), headers=ada, json={})
            assert answer.status == 404 and answer.content_type == "application/problem+json"


async def test_create_read_change_delete(
    client: Client, world: World, ada: dict[str, str], changer: dict[str, str], case: Case
) -> None:
    listed = await case.new_path(world)
    if case.creates:
        made = await client.post(listed, json=await case.fresh(world), headers=ada)
        assert made.status == 201, await made.text()
        one = (await made.json())["id"]
        assert made.headers["Location"] == case.path(one)
        assert await (await client.get(made.headers["Location"], headers=ada)).json() == await made.json()
    else:
        (one,) = await case.make(world, 1)
        assert (await client.post(listed, json={}, headers=ada)).status == 405
    changed = await client.patch(case.path(one), json=case.change or {}, headers=changer)
    assert changed.status == (200 if case.change else 405)
    if case.change:
        assert case.change.items() <= _cut(await changed.json(), case.change).items()
    if case.resource.delete:
        gone = await client.delete(case.path(one), headers=ada)
        assert gone.status == 204 and await gone.read() == b""
        other = bearer(await world.token("eve"))
        assert (await client.get(case.path(one), headers=other)).status == 404


async def test_a_patch_with_identical_values_changes_nothing(
    client: Client, world: World, changer: dict[str, str], case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not case.change:
        assert not case.resource.update
        return
    (one,) = await case.make(world, 1)
    edited = await client.patch(case.path(one), json=case.change, headers=changer)
    assert edited.status == 200, await edited.text()
    wire, before, told = await edited.json(), await _everything(world), list[object]()
    monkeypatch.setattr(type(world.ctx.events), "publish", lambda _, event: told.append(event))
    same = _cut(wire, case.change)
    for headers in ({}, {"If-Match": edited.headers["ETag"]}):
        again = await client.patch(case.path(one), json=same, headers={**changer, **headers})
        assert again.status == 200, await again.text()
        assert again.headers["ETag"] == edited.headers["ETag"] and await again.json() == wire
    assert await _everything(world) == before and told == []
    stale = await client.patch(case.path(one), json=same, headers={**changer, "If-Match": '"9999.hash"'})
    assert stale.status == 412


async def _everything(world: World) -> dict[str, Any]:
    """All documents as they are stored."""
    raw = world.ctx.repositories.database.raw
    return {name: await raw[name].find({}).to_list() for name in sorted(await raw.list_collection_names())}


def _cut(wire: Any, like: Any) -> Any:
    """`wire` with only what `like` has."""
    return {name: _cut(wire[name], value) for name, value in like.items()} if isinstance(like, dict) else wire


async def test_unknown_and_server_owned_fields_422(
    client: Client, world: World, ada: dict[str, str], changer: dict[str, str], case: Case
) -> None:
    (one,) = await case.make(world, 1)
    bad = {"nonsense": 1, "id": new_id(), "createdAt": "2026-01-01T00:00:00Z", "$set": {}, "gone": None}
    calls = [("PATCH", case.path(one), case.change, changer)] if case.change else []
    calls += [("POST", await case.new_path(world), await case.fresh(world), ada)] if case.creates else []
    before = await (await client.get(case.path(one), headers=ada)).json()
    for method, path, good, who in calls:
        answer = await client.request(method, path, json={**good, **bad}, headers=who)
        assert answer.status == 422
        assert {error["loc"] for error in (await answer.json())["errors"]} == set(bad)
    assert await (await client.get(case.path(one), headers=ada)).json() == before


async def test_answers_are_as_described(client: Client, world: World, ada: dict[str, str], case: Case) -> None:
    document, listed = description(), await case.list_path(world)
    (one,) = await case.make(world, 1)
    for path in (listed, case.path(one)):
        body = await (await client.get(path, headers=ada)).json()
        template = re.sub(r"[0-9A-Z]{26}", "{id}", path.partition("?")[0])
        response = document["paths"][template]["get"]["responses"]["200"]
        schema = response["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(body)
        assert body.get("items", [1])


async def test_no_list_shows_what_a_get_would_refuse(
    client: Client, world: World, ada: dict[str, str], case: Case
) -> None:
    await case.make(world, 3)
    listed = await case.list_path(world)
    readers = [ada, bearer(await world.token("eve")), bearer(await world.token("root", "admin"))]
    if any(place.unfiltered for place in case.resource.within):  # it shows less of each than a get
        return
    for reader in readers:
        answer = await client.get(listed, headers=reader)
        items = (await answer.json())["items"] if answer.status == 200 else []
        for item in items:
            assert (await client.get(case.path(item["id"]), headers=reader)).status == 200


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


async def test_a_wrong_query_422(client: Client, world: World, ada: dict[str, str], case: Case) -> None:
    listed = await case.list_path(world)
    for query, loc in WRONG_QUERIES:
        answer = await client.get(asked(listed, query), headers=ada)
        assert answer.status == 422, query
        assert [error["loc"] for error in (await answer.json())["errors"]] == [loc]


async def test_pages_stay_stable_while_things_are_added(
    client: Client, world: World, ada: dict[str, str], case: Case
) -> None:
    made, listed = await case.make(world, 7), await case.list_path(world)
    ascending = case.resource.listing.order[0][1] == 1 or any(place.order for place in case.resource.within)
    seen: Ids = []
    cursor: str | None = ""
    while cursor is not None and len(seen) < 30:
        query = f"limit=3{cursor and '&cursor=' + cursor}"
        answer = await client.get(asked(listed, query), headers=ada)
        assert answer.status == 200, await answer.text()
        page = await answer.json()
        assert set(page) - {"progress"} == {"items", "nextCursor"} and len(page["items"]) <= 3
        seen += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        if case.creates and len(seen) < 7:
            answer = await client.post(await case.new_path(world), json=await case.fresh(world), headers=ada)
            assert answer.status == 201, await answer.text()
    assert len(seen) == len(set(seen))
    assert sorted(seen[:7] if ascending else seen) == sorted(made)


async def test_filters_narrow_by_equality(client: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    await world.token("root", "admin")
    page = await (await client.get("/api/v1/users?role=admin", headers=ada)).json()
    assert [item["username"] for item in page["items"]] == ["root"]
    answer = await client.get("/api/v1/users?role=king", headers=ada)
    assert (await answer.json())["errors"][0]["loc"] == "role"
    assert (await client.get("/api/v1/users?active=false", headers=ada)).status == 200
