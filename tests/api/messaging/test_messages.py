"""Messages and conversations over REST: for the two alone; the sender deletes, the receiver marks as read."""

from dataclasses import dataclass
from typing import Any

import pytest

from mediaserver.base.ids import new_id
from mediaserver.domain.documents.actor import Actor
from tests.api.conftest import Client, bearer
from tests.usecases.world import World

V1 = "/api/v1"


@dataclass
class Writer:
    """Somebody who writes."""

    client: Client
    actor: Actor
    headers: dict[str, str]

    @property
    def id(self) -> str:
        return self.actor.user_id

    async def call(self, method: str, path: str, status: int, **options: Any) -> Any:
        answer = await self.client.request(method, V1 + path, headers=self.headers, **options)
        assert answer.status == status, await answer.text()
        return await answer.json() if await answer.read() else None

    async def say(self, to: "Writer", content: str = "hello", **fields: Any) -> Any:
        body = {"receiverUserId": to.id, "content": content, **fields}
        return await self.call("POST", "/messages", 201, json=body)


@pytest.fixture
async def people(client: Client, world: World) -> list[Writer]:
    actors = [await world.person(name) for name in ("ada", "eve", "bob")]
    return [Writer(client, one, bearer(world.ctx.tokens.issue(one, world.clock.now))) for one in actors]


async def test_a_message_is_for_the_two_alone(client: Client, people: list[Writer]) -> None:
    ada, eve, bob = people
    sent = await ada.say(eve)
    one = f"/messages/{sent['id']}"
    assert sent["content"] == "hello" and sent["sender"]["id"] == ada.id and not sent["isRead"]
    for reader in (ada, eve):
        assert await reader.call("GET", one, 200) == sent
    for method, body in (("GET", None), ("PATCH", {"isRead": True}), ("DELETE", None)):
        assert (await bob.call(method, one, 403, json=body))["code"] == "forbidden"
        assert (await client.request(method, V1 + one, json=body)).status == 401
    for path in (f"/messages?with={eve.id}", "/conversations", "/conversations/unread-count"):
        assert (await client.get(V1 + path)).status == 401
    assert (await bob.call("GET", f"/messages?with={ada.id}", 200))["items"] == []


async def test_each_of_the_two_has_their_own_rights(people: list[Writer]) -> None:
    ada, eve, _ = people
    one = f"/messages/{(await ada.say(eve))['id']}"
    await ada.call("PATCH", one, 403, json={"isRead": True})
    await eve.call("DELETE", one, 403)
    assert (await eve.call("PATCH", one, 200, json={"isRead": True}))["isRead"]
    refused = await eve.call("PATCH", one, 422, json={"isRead": False})
    assert [fault["loc"] for fault in refused["errors"]] == ["isRead"]
    await ada.call("DELETE", one, 204)
    for reader in (ada, eve):
        await reader.call("GET", one, 404)


async def test_wrong_bodies_name_every_field(people: list[Writer]) -> None:
    ada, eve, _ = people
    good = {"receiverUserId": eve.id, "content": "hello"}
    for wrong, locs in (
        ({}, ["content", "receiverUserId"]),
        ({**good, "content": "  "}, ["content"]),
        ({**good, "content": "a\x00b"}, ["content"]),
        ({**good, "content": "x" * 4001}, ["content"]),
        ({**good, "content": {"$gt": ""}, "receiverUserId": {"$gt": ""}}, ["content", "receiverUserId"]),
        ({**good, "contentType": "Sticker", "senderUserId": ada.id}, ["contentType", "senderUserId"]),
        ({**good, "clientId": "x" * 65, "isRead": True}, ["clientId", "isRead"]),
        ({**good, "receiverUserId": ada.id}, ["receiverUserId"]),
        ({**good, "receiverUserId": new_id()}, ["receiverUserId"]),
        ({**good, "contentType": "Image"}, ["content"]),
    ):
        refused = await ada.call("POST", "/messages", 422, json=wrong)
        assert sorted(fault["loc"] for fault in refused["errors"]) == locs
    assert (await ada.call("GET", f"/messages?with={eve.id}", 200))["items"] == []


async def test_wrong_queries_are_named(people: list[Writer]) -> None:
    ada, eve, _ = people
    for query, loc in (
        ("", "with"), ("with=x", "with"), (f"with={eve.id}&limit=0", "limit"), (f"with={eve.id}&q=x", "q"),
        (f"with={eve.id}&cursor=nonsense", "cursor"), (f"with[$ne]={eve.id}&with={eve.id}", "with[$ne]"),
    ):  # fmt: skip
        refused = await ada.call("GET", f"/messages?{query}", 422)
        assert [fault["loc"] for fault in refused["errors"]] == [loc]


async def test_pages_of_a_conversation_stay_stable_while_it_goes_on(people: list[Writer]) -> None:
    ada, eve, bob = people
    sent = [(await (ada, eve)[n % 2].say((eve, ada)[n % 2], str(n)))["id"] for n in range(7)]
    await ada.say(bob)
    seen, cursor = list[str](), ""
    while cursor is not None:
        page = await ada.call("GET", f"/messages?with={eve.id}&limit=3{cursor and '&cursor=' + cursor}", 200)
        seen += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        await eve.say(ada, "later")
    assert seen == sent[::-1]


async def test_conversations_are_listed_the_latest_first(world: World, people: list[Writer]) -> None:
    ada, eve, bob = people
    await eve.say(ada, "one")
    world.clock.pass_s(1)
    await bob.say(ada, "two")
    world.clock.pass_s(1)
    last = await eve.say(ada, "three")
    first = await ada.call("GET", "/conversations?limit=1", 200)
    (item,) = first["items"]
    assert item["user"]["username"] == "eve" and item["unreadCount"] == 2
    assert item["lastMessage"] == last and item["lastAt"] == last["timestamp"]
    second = await ada.call("GET", f"/conversations?cursor={first['nextCursor']}", 200)
    assert [one["user"]["username"] for one in second["items"]] == ["bob"] and second["nextCursor"] is None
    assert await ada.call("GET", "/conversations/unread-count", 200) == {"unreadCount": 3}
    await ada.call("POST", f"/conversations/{eve.id}/read", 204)
    assert await ada.call("GET", "/conversations/unread-count", 200) == {"unreadCount": 1}
    assert await ada.call("GET", "/notifications/unread-count", 200) == {"unreadCount": 1}
    await ada.call("POST", f"/conversations/{new_id()}/read", 404)


async def test_the_same_again_is_the_same_message(people: list[Writer]) -> None:
    ada, eve, _ = people
    first = await ada.say(eve, clientId="c1")
    assert await ada.say(eve, "another", clientId="c1") == first
    body = {"receiverUserId": eve.id, "content": "keyed"}
    again = [await ada.call("POST", "/messages", 201, json=body) for _ in range(2)]
    assert again[0]["id"] != again[1]["id"]
    ada.headers["Idempotency-Key"] = "k1"
    keyed = [await ada.call("POST", "/messages", 201, json=body) for _ in range(2)]
    assert keyed[0] == keyed[1]
