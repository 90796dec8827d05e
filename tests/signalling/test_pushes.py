"""What is pushed to people: once to each of their sockets, in order, whichever node they are connected to."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import redis.asyncio
import socketio

from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.signalling import fanout
from mediaserver.signalling.socket_server import packet
from mediaserver.usecases.accounts import identity, password_changes
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import Pushed
from mediaserver.usecases.messaging import direct_messages
from mediaserver.usecases.uploads import uploads
from tests.rooms.fakes import until
from tests.signalling.conftest import Live, Someone
from tests.signalling.nodes import connected, elsewhere, nodes
from tests.store.redis_server import RedisServer, redis_server

__all__ = ["nodes", "redis_server"]

CHANNEL = "mediaserver:mediaserver:pushes"


def push(live: Live, *people: Someone, n: int = 0, name: str = "notification") -> None:
    live.ctx.events.publish(Pushed(tuple(one.actor.user_id for one in people), name, {"n": n}))


def numbers(someone: Someone) -> list[int]:
    return [data["n"] for data in someone.events("notification")]


def links_of(url: str) -> dict[str, list[str]]:
    """What a link says, but for when it ends: the clock runs."""
    return {
        name: value
        for name, value in parse_qs(urlsplit(url).query).items()
        if name in ("person", "login", "epoch")
    }


async def an_upload(ctx: Context, owner: Actor) -> Upload:
    stamp = ctx.stamp()
    return await ctx.uploads.add(
        Upload(
            **stamp, owner_user_id=owner.user_id, content_type="image/png", size=3, name="a.png",
            object_key=f"uploads/{stamp['id']}/a.png", status="ready",
        )
    )  # fmt: skip


async def quiet(live: Live, *people: Someone) -> None:
    """Until everything that was pushed before has come."""
    for one in people:
        live.ctx.events.publish(Pushed((one.actor.user_id,), "message", {}))
        await one.hears("message", len(one.events("message")) + 1)


class TestOneNode:
    async def test_all_sockets_of_a_person_get_it_once_and_nobody_elses(self, live: Live) -> None:
        ada, eve, mia = [await live.connected(name) for name in ("ada", "eve", "mia")]
        twin = await live.again(ada).connect()
        push(live, ada, mia, ada, n=1)
        await quiet(live, ada, mia, twin, eve)
        assert [numbers(one) for one in (ada, twin, mia, eve)] == [[1], [1], [1], []]

    async def test_they_come_in_order_between_a_rooms_events(self, live: Live) -> None:
        ada = await live.connected("ada")
        session = await live.session(ada)
        await ada.join(session)
        for n in range(200):
            push(live, ada, n=n)
        await quiet(live, ada)
        assert numbers(ada) == list(range(200))

    async def test_one_frame_is_made_for_all(self, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
        people = [await live.connected(name) for name in ("ada", "eve", "mia")]
        made: list[str] = []
        encode = packet.Packet.encode

        def counted(self: Any) -> Any:
            made.append(self.data)
            return encode(self)

        monkeypatch.setattr(packet.Packet, "encode", counted)
        push(live, *people, n=1)
        assert made == [["notification", {"n": 1}]]
        monkeypatch.undo()
        await quiet(live, *people)

    async def test_a_socket_that_is_gone_gets_nothing_and_leaves_nothing(self, live: Live) -> None:
        ada = await live.connected("ada")
        room = f"user:{ada.actor.user_id}"
        assert len(live.signalling.audience.sockets(room)) == 1
        await ada.close()
        await until(lambda: live.signalling.connections == 0)
        assert live.signalling.audience.sockets(room) == () and room not in live.signalling.audience._rooms
        push(live, ada)

    async def test_after_a_new_password_the_device_that_set_it_gets_links_of_the_new_epoch(
        self, live: Live
    ) -> None:
        ada, eve = await live.connected("ada"), await live.connected("eve")
        session = await live.session(ada)
        await ada.join(session)
        await eve.join(session)
        await password_changes.change(live.ctx, ada.actor, "password-1", "a better one")
        picture = await an_upload(live.ctx, eve.actor)
        await direct_messages.send(live.ctx, eve.actor, "1", ada.actor.user_id, "Image", picture.id)
        shared = {"clientId": "1", "contentType": "Image", "content": picture.id}
        assert (await eve.ask("chat.send", shared))["ok"]
        for name in ("message", "chat.message"):
            assert links_of((await ada.hears(name))["content"]["url"])["epoch"] == ["1"]
            assert links_of((await eve.hears(name))["content"]["url"])["epoch"] == ["0"]

    async def test_only_events_of_the_protocol_are_pushed(
        self, live: Live, caplog: pytest.LogCaptureFixture
    ) -> None:
        ada = await live.connected("ada")
        push(live, ada, name="surprise")
        await quiet(live, ada)
        assert ada.events("surprise") == [] and "surprise is not an event of the protocol" in caplog.text


class TestNodes:
    @pytest.fixture
    def overrides(self, redis_server: RedisServer) -> dict[str, str]:
        return {"redis.url": redis_server.url}

    async def test_they_reach_the_sockets_of_all_nodes_once_and_in_order(self, nodes: tuple[Live, Live]) -> None:
        here, there = nodes
        ada = await here.connected("ada")
        twin = await elsewhere(there, ada)
        eve = await here.connected("eve")
        for n in range(300):
            push(here, ada, n=n)
        await quiet(here, ada, twin, eve)
        assert numbers(ada) == numbers(twin) == list(range(300)) and numbers(eve) == []
        push(there, twin, n=300)
        await quiet(there, ada, twin)
        assert numbers(ada) == numbers(twin) == list(range(301))

    async def test_links_in_a_push_are_signed_for_the_login_of_each_socket(
        self, nodes: tuple[Live, Live]
    ) -> None:
        here, there = nodes
        ada, eve = await here.connected("ada"), await here.connected("eve")
        signed_in = await identity.login(here.ctx, "ada", "password-1", "::1")
        tablet = Someone("ada", signed_in.actor, signed_in.access_token, signed_in.refresh_token, there.url)
        there.people.append(tablet)
        await tablet.connect()
        picture = await an_upload(here.ctx, eve.actor)
        await direct_messages.send(here.ctx, eve.actor, "1", ada.actor.user_id, "Image", picture.id)
        for one in (ada, eve, tablet):
            content = (await one.hears("message"))["content"]
            expected = uploads.describe(here.ctx, one.actor, picture)
            assert (content["id"], links_of(content["url"])) == (picture.id, links_of(expected["url"]))
            assert links_of(content["url"])["login"] == [one.actor.login_id]
        assert ada.actor.login_id != tablet.actor.login_id

    async def test_who_does_not_keep_up_is_closed_on_the_other_node_too(
        self, nodes: tuple[Live, Live], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here, there = nodes
        monkeypatch.setattr(fanout, "_LAST_WORDS_S", 0.2)
        ada = await here.connected("ada")
        url = f"{there.url}/socket.io/?EIO=4&transport=websocket"
        async with aiohttp.ClientSession() as http, http.ws_connect(url, max_msg_size=0) as slow:
            await slow.receive_str()
            await slow.send_str("40" + json.dumps({"token": ada.token}))
            await slow.receive_str()
            assert slow._response.connection is not None and slow._response.connection.transport is not None
            slow._response.connection.transport.pause_reading()  # type: ignore[attr-defined]
            for n in range(200):
                here.ctx.events.publish(
                    Pushed((ada.actor.user_id,), "notification", {"n": n, "text": "x" * 50_000})
                )
                await until(lambda n=n: numbers(ada)[-1:] == [n])
                if there.signalling.audience.too_slow:
                    break
            assert there.signalling.audience.too_slow == 1
            await until(lambda: there.signalling.connections == 0)
            slow._response.close()
        assert here.signalling.audience.too_slow == 0

    async def test_what_happens_in_rooms_stays_on_their_node(
        self, nodes: tuple[Live, Live], redis_server: RedisServer
    ) -> None:
        here, _ = nodes
        ada, eve = await here.connected("ada"), await here.connected("eve")
        async with listening(redis_server, CHANNEL) as heard:
            session = await here.session(ada)
            await ada.join(session)
            await eve.join(session)
            await ada.ask("participant.update", {"handRaised": True})
            await eve.hears("participant.updated")
            push(here, ada, n=1)
            await until(lambda: len(heard) > 0)
            assert [json.loads(one)["event"] for one in heard] == ["notification"]

    async def test_any_emitter_of_socketio_on_the_channel_can_push(
        self, nodes: tuple[Live, Live], redis_server: RedisServer
    ) -> None:
        here, there = nodes
        ada = await here.connected("ada")
        twin = await elsewhere(there, ada)
        session = await here.session(ada)
        await ada.join(session)
        emitter = socketio.AsyncRedisManager(redis_server.url, channel=CHANNEL, write_only=True)
        room = f"user:{ada.actor.user_id}"
        await emitter.emit("session.ended", {}, room=f"video:{session.id}")
        await emitter.emit("notification", {"n": 1}, room=room)
        await emitter.emit("notification", {"n": 2}, room=[room, room + "x"])
        await until(lambda: numbers(ada) == [1, 2] and numbers(twin) == [1, 2])
        assert ada.events("session.ended") == [], "only rooms of people are pushed to"
        await emitter.redis.aclose()

    @pytest.mark.parametrize(
        "data",
        [
            b"", b"\xff", b"[]", b"3", b'"emit"', b"{}", b'{"method": []}', b'{"method": "emit"}',
            b'{"method": "emit", "room": 3, "event": "e", "data": [{}]}',
            b'{"method": "emit", "room": [[]], "event": "e", "data": [{}]}',
            b'{"method": "emit", "room": "user:ROOM", "event": [], "data": [{}]}',
            b'{"method": "emit", "room": "user:ROOM", "event": "notification", "data": [1, 2]}',
            b'{"method": "emit", "room": "user:ROOM", "event": "notification", "data": [{}], "namespace": "/x"}',
            b'{"method": "disconnect", "sid": "SID", "namespace": "/"}', b"[" * 100_000,
        ],
    )  # fmt: skip
    async def test_malformed_messages_do_nothing(
        self, nodes: tuple[Live, Live], redis_server: RedisServer, data: bytes
    ) -> None:
        here, there = nodes
        ada = await there.connected("ada")
        (sid,) = there.signalling.audience.sockets(f"user:{ada.actor.user_id}")
        said = data.replace(b"ROOM", ada.actor.user_id.encode()).replace(b"SID", sid.encode())
        async with redis.asyncio.Redis.from_url(redis_server.url) as other:
            await other.publish(CHANNEL, said)
        push(here, ada, n=1)
        await until(lambda: numbers(ada) == [1])
        assert [name for name, _ in ada.got] == ["notification"]

    async def test_what_comes_twice_is_delivered_once(
        self, nodes: tuple[Live, Live], redis_server: RedisServer
    ) -> None:
        here, there = nodes
        ada = await there.connected("ada")
        async with (
            listening(redis_server, CHANNEL) as heard,
            redis.asyncio.Redis.from_url(redis_server.url) as again,
        ):
            push(here, ada, n=1)
            await until(lambda: len(heard) > 0)
            await again.publish(CHANNEL, heard[0])
        await quiet(here, ada)
        assert numbers(ada) == [1]

    async def test_without_redis_the_sockets_here_still_get_it_at_once_and_later_all(
        self, nodes: tuple[Live, Live], redis_server: RedisServer
    ) -> None:
        here, there = nodes
        ada = await here.connected("ada")
        twin = await elsewhere(there, ada)
        await redis_server.stop()
        push(here, ada, n=1)
        await ada.hears("notification")
        assert numbers(twin) == []
        await redis_server.start()
        await connected(here, there)
        push(here, ada, n=2)
        await until(lambda: numbers(twin)[-1:] == [2])
        assert numbers(ada) == [1, 2]


@contextlib.asynccontextmanager
async def listening(server: RedisServer, channel: str) -> AsyncIterator[list[bytes]]:
    """What is said on a channel."""
    heard: list[bytes] = []
    async with redis.asyncio.Redis.from_url(server.url) as client, client.pubsub() as pubsub:
        await pubsub.subscribe(channel)
        await pubsub.get_message(timeout=5)

        async def hear() -> None:
            async for message in pubsub.listen():
                heard.append(message["data"])

        task = asyncio.create_task(hear())
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.wait([task])
