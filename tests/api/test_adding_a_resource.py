"""The example of docs/adding-a-resource.md, executed."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mediaserver.api import build_api
from mediaserver.api.declarations.resource import Resource
from mediaserver.api.runtime.services import Services
from mediaserver.base.errors import Conflict
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.usecases.writes import settling
from tests.api.conftest import Client, bearer, rooms_of
from tests.usecases import school
from tests.usecases.world import World, open_world

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-resource.md"
ISBN, OTHER = "9780140449136", "9780140449137"


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """The names that the page's Python blocks define, executed one after the other."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 4
    names: dict[str, Any] = {"__name__": "adding_a_resource"}
    exec(compile("\n".join(blocks), str(PAGE), "exec"), names)  # noqa: S102 - our own documentation
    return names


@pytest.fixture(scope="module")
def books(page: dict[str, Any]) -> Resource[Any]:
    declared: Resource[Any] = page["BOOKS"]
    return declared


@pytest.fixture
async def world(uri: str, tmp_path: Path, books: Resource[Any]) -> AsyncIterator[World]:
    async with open_world(uri, tmp_path, documents=(*DOCUMENTS, books.document)) as world:
        yield world


@pytest.fixture
async def client(world: World, books: Resource[Any]) -> AsyncIterator[Client]:
    app = web.Application()
    build_api(app, Services(world.ctx, rooms_of(world)), [books])
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_a_book_shows_its_owners_upload_and_nobody_elses(client: Client, world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    as_ada = bearer(world.ctx.tokens.issue(ada, world.clock.now))
    first, second, theirs = await world.upload(ada), await world.upload(ada), await world.upload(eve)

    async def send(method: str, path: str, body: dict[str, Any], status: int) -> Any:
        async with client.request(method, f"/api/v1{path}", json=body, headers=as_ada) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()

    async def used() -> list[bool]:
        return [(await world.ctx.uploads.get(one.id)).used for one in (first, second, theirs)]

    refused = await send("POST", "/books", {"isbn": ISBN, "title": "Odyssey", "cover": theirs.id}, 422)
    assert refused["errors"] == [{"loc": "cover", "msg": "must be the id of an upload of yours"}]
    made = await send("POST", "/books", {"isbn": ISBN, "title": "Odyssey", "cover": first.id}, 201)
    assert made["cover"]["id"] == first.id and made["owner"]["username"] == "ada"
    assert await used() == [True, False, False]
    changed = await send("PATCH", f"/books/{made['id']}", {"cover": second.id}, 200)
    assert changed["cover"]["id"] == second.id and await used() == [False, True, False]
    await send("PATCH", f"/books/{made['id']}", {"cover": theirs.id}, 422)
    async with client.delete(f"/api/v1/books/{made['id']}", headers=as_ada) as gone:
        assert gone.status == 204
    assert await used() == [False, False, False]


async def test_a_book_is_all_that_its_page_says(client: Client, world: World) -> None:
    ada = await world.person("ada", "instructor")
    course = await school.course(world, ada, "MATH-1")
    headers = bearer(world.ctx.tokens.issue(ada, world.clock.now))
    for isbn, title in ((ISBN, "Odyssey"), (OTHER, "Iliad")):
        body = {"isbn": isbn, "title": title, "courseId": course.id}
        async with client.post("/api/v1/books", json=body, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
            assert (await answer.json())["course"]["title"] == course.title
    async with client.post("/api/v1/books", json={"isbn": ISBN, "title": "Again"}, headers=headers) as answer:
        assert answer.status == 409 and (await answer.json())["code"] == "isbn_taken"

    async def titles(path: str) -> list[str]:
        async with client.get(f"/api/v1{path}", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return [item["title"] for item in (await answer.json())["items"]]

    assert await titles("/books?sort=title") == ["Iliad", "Odyssey"]
    assert await titles("/books?q=odyssey") == ["Odyssey"]
    assert await titles(f"/courses/{course.id}/books") == ["Iliad", "Odyssey"]
    with pytest.raises(Conflict, match="a book still refers to it"):
        await settling.remove(world.ctx, course)


async def test_its_use_case_limits_the_books_of_a_user(world: World, page: dict[str, Any]) -> None:
    ada = await world.person("ada")
    app = web.Application()
    build_api(app, Services(world.ctx, rooms_of(world)), [page["LIMITED_BOOKS"]])
    headers = bearer(world.ctx.tokens.issue(ada, world.clock.now))
    async with TestClient(TestServer(app)) as client:
        for number in range(page["MAX_BOOKS"] + 1):
            body = {"isbn": f"{number:013}", "title": f"Volume {number}"}
            async with client.post("/api/v1/books", json=body, headers=headers) as answer:
                expected = 201 if number < page["MAX_BOOKS"] else 409
                assert answer.status == expected, await answer.text()
                refused = await answer.json()
        assert refused["code"] == "too_many_books"


async def test_its_case_stores_documents_of_one_owner_and_changes_one(world: World, page: dict[str, Any]) -> None:
    ada = await world.person("ada")
    case = page["BOOKS_CASE"]
    ids = await case.make(world, 3)
    app = web.Application()
    build_api(app, Services(world.ctx, rooms_of(world)), [case.resource])
    headers = bearer(world.ctx.tokens.issue(ada, world.clock.now))
    async with TestClient(TestServer(app)) as client:
        async with client.get(await case.list_path(world), headers=headers) as answer:
            assert {item["id"] for item in (await answer.json())["items"]} == set(ids)
        async with client.patch(case.path(ids[0]), json=case.change, headers=headers) as answer:
            assert answer.status == 200 and (await answer.json())["title"] == case.change["title"]
