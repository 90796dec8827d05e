"""A resource without use cases: what a declaration alone gives."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import StringConstraints

from mediaserver.api import build_api
from mediaserver.api.declarations.resource import Create, Delete, Listing, Resource, Update
from mediaserver.api.runtime.services import Services
from mediaserver.domain.documents.document import Document, Index, Moment
from mediaserver.domain.documents.policy import Policy, admin, any_of, anyone, owner
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.text.text import Line
from tests.api.conftest import Client, bearer, rooms_of
from tests.usecases.world import World, open_world

MINE = any_of(owner("user_id"), admin)


class Note(Document):
    collection: ClassVar[str] = "notes"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("name",), unique=True),)
    owned_by: ClassVar[str | None] = "user_id"
    policy: ClassVar[Policy] = Policy(create=anyone, read=MINE, update=MINE, delete=MINE)

    user_id: str
    name: Annotated[Line, StringConstraints(min_length=1, max_length=10)]
    pages: int = 1
    due: Moment | None = None


NOTES = Resource(
    path="/notes",
    document=Note,
    listing=Listing(filters=("pages",)),
    create=Create(("name", "pages", "due")),
    update=Update(("name", "pages", "due")),
    delete=Delete(),
)


@pytest.fixture
async def world(uri: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(uri, tmp_path, documents=(*DOCUMENTS, Note)) as world:
        yield world


@pytest.fixture
async def notes(world: World) -> AsyncIterator[Client]:
    app = web.Application()
    build_api(app, Services(world.ctx, rooms_of(world)), [NOTES])
    async with TestClient(TestServer(app)) as client:
        yield client


async def make(client: Client, who: dict[str, str], **fields: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/notes", json=fields, headers=who)
    assert answer.status == 201, await answer.text()
    made: dict[str, Any] = await answer.json()
    return made


async def test_no_list_shows_what_a_get_would_refuse(notes: Client, world: World) -> None:
    ada, eve = bearer(await world.token("ada")), bearer(await world.token("eve"))
    root = bearer(await world.token("root", "admin"))
    mine, theirs = await make(notes, ada, name="mine"), await make(notes, eve, name="theirs")
    for who, expected in ((ada, {"mine"}), (eve, {"theirs"}), (root, {"mine", "theirs"})):
        page = await (await notes.get("/api/v1/notes", headers=who)).json()
        assert {item["name"] for item in page["items"]} == expected
        for note in (mine, theirs):
            status = (await notes.get(f"/api/v1/notes/{note['id']}", headers=who)).status
            assert status == (200 if note["name"] in expected else 403)


async def test_a_merge_patch_removes_with_null_and_keeps_the_rest(notes: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    note = await make(notes, ada, name="a", pages=3, due="2026-05-01T10:00:00.5+02:00")
    assert note["due"] == "2026-05-01T08:00:00.500Z"
    path = f"/api/v1/notes/{note['id']}"
    changed = await (await notes.patch(path, json={"due": None, "pages": None}, headers=ada)).json()
    assert (changed["name"], changed["pages"], changed["due"]) == ("a", 1, None)
    required = await notes.patch(path, json={"name": None}, headers=ada)
    assert required.status == 422
    assert (await required.json())["errors"] == [{"loc": "name", "msg": "is required"}]


async def test_wrong_types_are_all_named_and_never_coerced(notes: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    bad = {"name": {"$gt": ""}, "pages": "3", "due": 17, "more": 1}
    answer = await notes.post("/api/v1/notes", json=bad, headers=ada)
    assert answer.status == 422
    assert {error["loc"] for error in (await answer.json())["errors"]} == set(bad)
    for name in ("", "x" * 11, "nul\x00", "line\nbreak", "\ud800", 3, None, ["a"]):
        assert (await notes.post("/api/v1/notes", json={"name": name}, headers=ada)).status == 422, name
    for due in ("2026-01-01", "2026-01-01T00:00:00", "yesterday", "99999-01-01T00:00:00Z"):
        assert (await notes.post("/api/v1/notes", json={"name": "a", "due": due}, headers=ada)).status == 422, due


async def test_numbers_that_do_not_fit_are_refused(notes: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    for pages in (1e400, 2**70, -(2**70), True, 1.5):
        raw = {"name": "a", "pages": pages}
        answer = await notes.post("/api/v1/notes", json=raw, headers=ada)
        assert answer.status in (400, 422), pages


async def test_racing_for_a_unique_name_one_gets_201_and_one_409(notes: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    answers = await asyncio.gather(
        *(notes.post("/api/v1/notes", json={"name": "same"}, headers=ada) for _ in range(6))
    )
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409, 409]


async def test_filters_take_typed_values(notes: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    await make(notes, ada, name="one")
    await make(notes, ada, name="two", pages=2)
    page = await (await notes.get("/api/v1/notes?pages=2", headers=ada)).json()
    assert [item["name"] for item in page["items"]] == ["two"]
    assert (await notes.get("/api/v1/notes?pages=many", headers=ada)).status == 422
    assert (await notes.get(f"/api/v1/notes?pages={2**70}", headers=ada)).status == 422


async def test_it_is_described(notes: Client) -> None:
    document = await (await notes.get("/api/v1/openapi.json")).json()
    assert set(document["paths"]["/api/v1/notes/{id}"]) == {"get", "patch", "delete"}
    assert document["components"]["schemas"]["NotesCreate"]["required"] == ["name"]


async def test_two_editors_never_overwrite_each_other_in_silence(notes: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    note = await make(notes, ada, name="a")
    path = f"/api/v1/notes/{note['id']}"
    seen = (await notes.get(path, headers=ada)).headers["ETag"]
    edits = [notes.patch(path, json={"pages": n}, headers=ada | {"If-Match": seen}) for n in range(5)]
    answers = await asyncio.gather(*edits)
    assert sorted(answer.status for answer in answers) == [200, 412, 412, 412, 412]
    (winner,) = [await answer.json() for answer in answers if answer.status == 200]
    read = await notes.get(path, headers=ada)
    assert (await read.json())["pages"] == winner["pages"]
    late = await notes.delete(path, headers=ada | {"If-Match": seen})
    assert late.status == 412 and (await late.json())["code"] == "changed"
    now = ada | {"If-Match": read.headers["ETag"]}
    assert (await notes.delete(path, headers=now)).status == 204
