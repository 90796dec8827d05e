"""Private messages over sockets: to all devices of both, in order, at once; the list has what was missed."""

import asyncio
import time
from typing import Any

import pytest

from mediaserver.base.ids import new_id
from mediaserver.domain.messaging.direct_messages import DirectMessage
from mediaserver.domain.notifications import Notification
from mediaserver.usecases.messaging import conversations
from mediaserver.usecases.writes import settling
from tests.signalling.conftest import Live, Someone
from tests.signalling.nodes import elsewhere, nodes
from tests.store.redis_server import redis_server

__all__ = ["nodes", "redis_server"]


async def say(one: Someone, other: Someone, content: str, **more: Any) -> Any:
    data = {
        "clientId": new_id(),
        "receiverUserId": other.actor.user_id,
        "contentType": "Text",
        "content": content,
    }
    return await one.ask("message.send", {**data, **more})


def contents(someone: Someone) -> list[str]:
    return [data["content"] for data in someone.events("message")]


async def test_all_devices_of_both_get_a_message_and_nobody_else(live: Live) -> None:
    ada, eve, mia = [await live.connected(name) for name in ("ada", "eve", "mia")]
    phone, tablet = await live.again(ada).connect(), await live.again(eve).connect()
    began = time.monotonic()
    answer = await say(ada, eve, "hello")
    assert answer["ok"] and answer["message"]["content"] == "hello"
    for device in (ada, phone, eve, tablet):
        assert await device.hears("message") == answer["message"]
    told = await tablet.hears("notification")
    assert time.monotonic() - began < 1
    assert told["content"]["type"] == "message" and told["unreadCount"] == 1
    assert told["content"]["actors"][0]["username"] == "ada"
    await say(ada, mia, "and you")
    await mia.hears("message")
    assert contents(mia) == ["and you"] and contents(eve) == ["hello"]


@pytest.mark.parametrize("overrides", [{"signalling.message_burst": "30"}])
async def test_the_messages_of_one_sender_keep_their_order(live: Live) -> None:
    ada, eve = await live.connected("ada"), await live.connected("eve")
    asked = [asyncio.create_task(say(ada, eve, str(n))) for n in range(30)]
    assert all(answer["ok"] for answer in await asyncio.gather(*asked))
    await eve.hears("message", 30)
    assert contents(eve) == contents(ada) == [str(n) for n in range(30)]
    last = await eve.hears("notification", 30)
    assert (last["content"]["count"], last["unreadCount"]) == (30, 1)
    assert await live.ctx.of(Notification).count({}) == 1


async def test_it_works_beside_a_session(live: Live) -> None:
    ada, eve = await live.connected("ada"), await live.connected("eve")
    assert (await ada.join(await live.session(ada)))["ok"]
    assert (await say(ada, eve, "come in"))["ok"] and (await say(eve, ada, "coming"))["ok"]
    await ada.hears("message", 2)
    assert contents(ada) == ["come in", "coming"]


async def test_who_is_offline_finds_it_in_the_list(live: Live) -> None:
    ada, eve = await live.connected("ada"), await live.user("eve")
    await say(ada, eve, "later")
    await eve.connect()
    assert await conversations.unread_count(live.ctx, eve.actor.user_id) == 1
    await say(ada, eve, "now")
    await eve.hears("message")
    assert contents(eve) == ["now"], "what can be read is not pushed again"


async def test_the_sender_sees_that_it_was_read_and_both_that_it_is_deleted(live: Live) -> None:
    ada, eve = await live.connected("ada"), await live.connected("eve")
    sent = (await say(ada, eve, "hello"))["message"]
    await conversations.read(live.ctx, eve.actor, ada.actor.user_id)
    two = {"senderUserId": ada.actor.user_id, "receiverUserId": eve.actor.user_id}
    assert await ada.hears("message.read") == {**two, "messageId": None, "throughId": sent["id"]}
    assert await eve.hears("notification.unread") == {"unreadCount": 0}
    await settling.remove(live.ctx, await live.ctx.of(DirectMessage).get(sent["id"]))
    for device in (ada, eve):
        assert await device.hears("message.deleted") == {"id": sent["id"], **two}


async def test_what_is_wrong_is_refused(live: Live) -> None:
    ada, eve = await live.connected("ada"), await live.connected("eve")
    for more, code, locs in (
        ({"content": ""}, "invalid", ["content"]),
        ({"content": "a\x00"}, "invalid", ["content"]),
        ({"content": "x" * 4001}, "invalid", ["content"]),
        ({"contentType": "Image"}, "invalid", ["content"]),
        ({"receiverUserId": ada.actor.user_id}, "invalid", ["receiverUserId"]),
        ({"receiverUserId": new_id()}, "invalid", ["receiverUserId"]),
        ({"receiverUserId": {"$ne": ""}, "more": 1}, "invalid", ["more", "receiverUserId"]),
    ):
        answer = await say(ada, eve, **{"content": "x", **more})  # type: ignore[arg-type]
        assert not answer["ok"] and answer["error"]["code"] == code
        assert sorted(fault["loc"] for fault in answer["error"]["errors"]) == locs
    assert contents(eve) == []


async def test_the_same_client_id_is_sent_once(live: Live) -> None:
    ada, eve = await live.connected("ada"), await live.connected("eve")
    first, again = [await say(ada, eve, "hello", clientId="c1") for _ in range(2)]
    assert first == again
    await say(ada, eve, "end")
    await eve.hears("message", 2)
    assert contents(eve) == ["hello", "end"]


class TestSeveralNodes:
    @pytest.fixture
    def overrides(self, redis_server: Any) -> dict[str, str]:
        return {"redis.url": redis_server.url}

    async def test_a_message_reaches_the_devices_on_other_nodes(self, nodes: tuple[Live, Live]) -> None:
        here, there = nodes
        ada, eve = await here.connected("ada"), await there.connected("eve")
        phone = await elsewhere(there, ada)
        answer = await say(ada, eve, "hello")
        for device in (ada, phone, eve):
            assert await device.hears("message") == answer["message"]
        assert (await eve.hears("notification"))["unreadCount"] == 1
