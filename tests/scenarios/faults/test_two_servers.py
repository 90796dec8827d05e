"""Two servers over the same documents, joined by Redis: what is done at one is felt at the other."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio
import socketio

from mediaserver.store.mongo import embedded_socket
from tests.e2e.server import Person, Server, wait_until
from tests.scenarios.room import Room, events, heard, recording_ready, say
from tests.store.redis_server import RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PUSHES = "mediaserver:mediaserver:pushes"
SMALL = {"recording.width": "160", "recording.height": "90", "recording.fps": "10"}


class Pair:
    """`a` has the documents, `b` uses them; both know the same keys."""

    def __init__(self, a: Server, b: Server, redis: RedisServer, http: aiohttp.ClientSession) -> None:
        self.a, self.b, self.redis, self.http = a, b, redis, http

    async def admin(self) -> Person:
        await self.command("create-user", "root", "root@example.org", "--role", "admin", said="root-password")
        body = {"login": "root", "password": "root-password"}
        async with self.http.post(f"{self.a.url}/api/v1/auth/login", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return Person(self.http, self.a.url, await answer.json())

    async def command(self, *words: str, said: str = "") -> None:
        """The command line of the first server, beside it."""
        flags = ("--data.dir", str(self.a.data), "--redis.url", self.redis.url)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mediaserver", *words, *flags,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate(said.encode())
        assert process.returncode == 0, output.decode()

    async def status_at_b(self, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.get(f"{self.b.url}/api/v1/auth/me", headers=headers) as answer:
            return answer.status


@pytest_asyncio.fixture(loop_scope="session")
async def pair(tmp_path: Path, http: aiohttp.ClientSession) -> AsyncIterator[Pair]:
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    redis = RedisServer(binary, tmp_path)
    await redis.start()
    shared = {"redis.url": redis.url, "rooms.grace_s": "1", **SMALL}
    async with Server.running(tmp_path / "a", shared) as a:
        (tmp_path / "b").mkdir()
        shutil.copytree(a.data / "secrets", tmp_path / "b" / "secrets")
        documents = embedded_socket(a.data / "documents")
        uri = f"mongodb://{quote(str(documents), safe='')}"
        async with Server.running(tmp_path / "b", {**shared, "mongodb.uri": uri}) as b:
            yield Pair(a, b, redis, http)
    await redis.stop()


async def soon(what: str, condition: Any) -> None:
    """Within a second; twice that on a busy machine, which has six processes more to run just now."""
    await wait_until(condition, 2, what)


async def test_what_is_done_at_one_server_is_felt_at_the_other(pair: Pair, room: Room) -> None:
    admin = await pair.admin()
    ada = await room.open(pair.b.url)
    eve = await room.enter()
    mia = await room.person()
    await mia.socket.connect(pair.b.url, auth={"token": mia.token}, transports=["websocket"])
    me = {bot.name: (await _me(pair, bot.token))["id"] for bot in (ada, eve, mia)}

    # A token of one holds at the other: same keys, same documents.
    async with pair.http.get(f"{pair.b.url}/readyz") as answer:
        assert (await answer.json())["parts"]["bus"] == "ok"

    # Chat over REST at the server that does not have the room.
    path = f"{pair.a.url}/api/v1/video-sessions/{room.session_id}/messages"
    async with pair.http.post(path, json={"content": "hello"}, headers=_bearer(ada.token)) as answer:
        assert answer.status == 201, await answer.text()
    await heard(eve, "hello", 1)

    # Pushes reach people at both servers; an emitter of python-socketio stands for whoever pushes.
    twin = socketio.AsyncClient(reconnection=False, http_session=pair.http, handle_sigint=False)
    pushed: list[Any] = []
    twin.on("notification", pushed.append)
    await twin.connect(pair.a.url, auth={"token": mia.token}, transports=["websocket"])
    emitter = socketio.AsyncRedisManager(
        pair.redis.url, channel="mediaserver:mediaserver:pushes", write_only=True
    )
    for n in range(5):
        await emitter.emit("notification", {"n": n}, room=f"user:{me[mia.name]}")
    await soon("pushes come", lambda: len(events(mia, "notification")) == len(pushed) == 5)
    assert events(mia, "notification") == pushed == [{"n": n} for n in range(5)]
    await emitter.redis.aclose()
    await twin.disconnect()

    # A new role, by an admin at the other server and by the command line.
    status, _ = await admin.request("PATCH", f"/users/{me[eve.name]}", json={"role": "admin"})
    assert status == 200
    await soon(
        "eve moderates",
        lambda: any(e["participant"].get("role") == "moderator" for e in events(ada, "participant.updated")),
    )
    await pair.command("set-role", mia.name, "instructor")
    await soon("mia teaches", lambda: _has_role(pair, mia.token, "instructor"))

    # Deactivated at the other server: REST, socket and stay are over here.
    assert await pair.status_at_b(mia.token) == 200
    status, _ = await admin.request("PATCH", f"/users/{me[mia.name]}", json={"active": False})
    assert status == 200
    await soon("mia's token is refused", lambda: _is(pair.status_at_b(mia.token), 401))
    await soon("mia's socket ends", lambda: not mia.socket.connected)

    # The session ends at the other server, and its room here.
    async with pair.http.post(
        f"{pair.a.url}/api/v1/video-sessions/{room.session_id}/end", headers=_bearer(ada.token)
    ) as answer:
        assert answer.status == 200, await answer.text()
    await soon("the room ends", lambda: events(eve, "session.ended"))


async def test_a_server_that_starts_leaves_what_runs_at_the_other_alone(pair: Pair, room: Room) -> None:
    ada = await room.open(pair.b.url)
    await room.publish(ada)
    recording = (await ada.call("recording.start", {}))["recording"]["id"]
    await pair.a.stop()
    await pair.a.start()
    async with pair.http.get(
        f"{pair.a.url}/api/v1/video-sessions/{room.session_id}/participants", headers=_bearer(ada.token)
    ) as answer:
        (present,) = (await answer.json())["items"]
        assert present["leftAt"] is None
    await ada.call("recording.stop", {})
    ready = await recording_ready(pair.http, pair.b.url, ada.token, recording)
    assert ready["duration"] > 0


async def test_redis_goes_and_comes_back(pair: Pair, room: Room) -> None:
    ada = await room.open(pair.b.url)
    eve = await room.enter()
    session = f"/video-sessions/{room.session_id}"
    await pair.redis.stop()
    for url in (pair.a.url, pair.b.url):
        await wait_until(lambda url=url: _is(_bus(pair, url), "unavailable"), 10, "readyz is red")
    await say(eve, "still here")
    await heard(ada, "still here")
    await _patch(pair, ada.token, session, {"title": "Geometry"})
    assert not events(eve, "session.updated"), "b cannot know"

    await pair.redis.start()
    for url in (pair.a.url, pair.b.url):
        await wait_until(lambda url=url: _is(_bus(pair, url), "ok"), 10, "readyz is green")
    await wait_until(lambda: events(eve, "session.updated"), 5, "what was missed is made good")
    await _patch(pair, ada.token, session, {"title": "Topology"})
    await soon("b hears a again", lambda: len(events(eve, "session.updated")) == 2)
    titles = [event["session"]["title"] for event in events(eve, "session.updated")]
    assert titles == ["Geometry", "Topology"]


async def _bus(pair: Pair, url: str) -> str:
    async with pair.http.get(f"{url}/readyz") as answer:
        return str((await answer.json())["parts"]["bus"])


async def _patch(pair: Pair, token: str, path: str, body: Any) -> None:
    """At the first server."""
    async with pair.http.patch(f"{pair.a.url}/api/v1{path}", json=body, headers=_bearer(token)) as answer:
        assert answer.status == 200, await answer.text()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _me(pair: Pair, token: str) -> Any:
    """As the first server knows the person."""
    async with pair.http.get(f"{pair.a.url}/api/v1/auth/me", headers=_bearer(token)) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def _has_role(pair: Pair, token: str, role: str) -> bool:
    async with pair.http.get(f"{pair.b.url}/api/v1/auth/me", headers=_bearer(token)) as answer:
        return bool((await answer.json())["role"] == role)


async def _is(asked: Any, expected: Any) -> bool:
    return bool(await asked == expected)
