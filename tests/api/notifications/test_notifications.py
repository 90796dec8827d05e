"""Notifications over REST: one's own alone, newest first, read one by one or all at once."""

from typing import Any

from mediaserver.base.ids import new_id
from mediaserver.domain.social.tweets import Content
from mediaserver.usecases.notifications.notifications import notify
from mediaserver.usecases.social import tweets
from tests.api.conftest import Client, bearer
from tests.usecases.world import World


async def _told(world: World, n: int) -> tuple[dict[str, str], str]:
    """Ada's headers and id, after eve mentioned her n times."""
    ada, eve = await world.person("ada"), await world.person("eve")
    for _ in range(n):
        world.clock.pass_s(1)
        await tweets.post(world.ctx, eve, {"content": Content(text="@ada")})
    return bearer(world.ctx.tokens.issue(ada, world.clock.now)), ada.user_id


async def _get(client: Client, path: str, headers: dict[str, str]) -> Any:
    answer = await client.get(f"/api/v1/notifications{path}", headers=headers)
    assert answer.status == 200
    return await answer.json()


async def test_only_ones_own_are_listed_the_newest_act_first(client: Client, world: World) -> None:
    ada, ada_id = await _told(world, 3)
    first = (await _get(client, "", ada))["items"][-1]
    bob = await world.person("bob")
    world.clock.pass_s(1)
    await notify(world.ctx, [ada_id], "mentioned", {"tweetId": first["content"]["tweetId"]}, bob.user_id)
    items = (await _get(client, "", ada))["items"]
    assert items[0]["id"] == first["id"] and len(items) == 3
    content = items[0]["content"]
    assert [one["username"] for one in content["actors"]] == ["bob", "eve"]
    assert (content["type"], content["count"], content["text"]) == ("mentioned", 2, "@ada")
    assert (await _get(client, "", bearer(world.ctx.tokens.issue(bob, world.clock.now))))["items"] == []


async def test_they_are_marked_read_one_by_one_or_all(client: Client, world: World) -> None:
    ada, _ = await _told(world, 4)
    items = (await _get(client, "", ada))["items"]
    one = f"/api/v1/notifications/{items[0]['id']}"
    changed = await client.patch(one, json={"isRead": True}, headers=ada)
    assert (await changed.json()) == items[0] | {
        "isRead": True,
        "updatedAt": (await changed.json())["updatedAt"],
    }
    assert await _get(client, "/unread-count", ada) == {"unreadCount": 3}
    unread = (await _get(client, "?isRead=false", ada))["items"]
    assert [item["id"] for item in unread] == [item["id"] for item in items[1:]]
    assert (await client.post("/api/v1/notifications/read-all", headers=ada)).status == 204
    assert await _get(client, "/unread-count", ada) == {"unreadCount": 0}
    assert (await client.patch(one, json={"isRead": False}, headers=ada)).status == 200
    assert await _get(client, "/unread-count", ada) == {"unreadCount": 1}
    assert (await client.delete(one, headers=ada)).status == 204
    assert await _get(client, "/unread-count", ada) == {"unreadCount": 0}


async def test_nobody_makes_them_or_changes_what_they_say(client: Client, world: World) -> None:
    ada, _ = await _told(world, 1)
    (item,) = (await _get(client, "", ada))["items"]
    assert (await client.post("/api/v1/notifications", json={}, headers=ada)).status == 405
    answer = await client.patch(
        f"/api/v1/notifications/{item['id']}", json={"content": {}, "userId": new_id()}, headers=ada
    )
    assert answer.status == 422
    assert sorted(fault["loc"] for fault in (await answer.json())["errors"]) == ["content", "userId"]
