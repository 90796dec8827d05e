"""Blocks and reports over HTTP: what they hide, from whom, and that nothing tells a blocked person of it."""

from typing import Any

import pytest

from mediaserver.base.ids import new_id
from tests.api.conftest import Client
from tests.api.test_social import Person, person
from tests.usecases.world import World

Wire = dict[str, Any]


@pytest.fixture
async def ada(client: Client, world: World) -> Person:
    return await person(client, world, "ada")


@pytest.fixture
async def eve(client: Client, world: World) -> Person:
    return await person(client, world, "eve")


@pytest.fixture
async def root(client: Client, world: World) -> Person:
    return await person(client, world, "root", "admin")


async def block(who: Person, whom: Person) -> Wire:
    made: Wire = await who.do("POST", "/blocks", {"blockedUserId": whom.id})
    return made


async def comment(who: Person, tweet: Wire, text: str) -> Wire:
    made: Wire = await who.do("POST", f"/tweets/{tweet['id']}/comments", {"content": {"text": text}})
    return made


async def answers(who: Person, method: str, path: str, hidden: str, body: Wire | None = None) -> None:
    """`hidden`, an id in the path or the body, is answered as one that nobody has."""
    nobody, fields = new_id(), body or {}
    there = await who.ask(method, path.format(hidden), {n: v.format(hidden) for n, v in fields.items()})
    missing = await who.ask(method, path.format(nobody), {n: v.format(nobody) for n, v in fields.items()})
    assert there == missing and there[0] in (404, 422), (method, path, there, missing)


async def test_what_a_block_hides_is_answered_as_what_is_not_there(
    ada: Person, eve: Person, root: Person
) -> None:
    followed = await ada.do("POST", "/follows", {"followingUserId": root.id})
    said = await ada.tweet("Hello")
    answer = await comment(ada, said, "to myself")
    await block(ada, eve)
    for path in (
        "/users/{}",
        "/users/{}/tweets",
        "/users/{}/followers",
        "/users/{}/following",
        "/users/{}/export",
    ):
        await answers(eve, "GET", path, ada.id)
    for path, id in (("/tweets/{}", said["id"]), ("/comments/{}", answer["id"])):
        for method in ("GET", "PATCH", "DELETE"):
            await answers(eve, method, path, id)
        await answers(eve, "PUT", f"{path}/like", id)
        await answers(eve, "DELETE", f"{path}/like", id)
        await answers(eve, "GET", f"{path}/likes", id)
    await answers(eve, "GET", "/tweets/{}/comments", said["id"])
    await answers(eve, "GET", "/follows/{}", followed["id"])
    await answers(eve, "DELETE", "/users/{}", ada.id)
    await answers(eve, "POST", "/follows", ada.id, {"followingUserId": "{}"})
    await answers(eve, "POST", "/messages", ada.id, {"receiverUserId": "{}", "content": "Hello?"})
    assert await ada.refused("POST", "/messages", {"receiverUserId": eve.id, "content": "Hm"}) == (403, "blocked")
