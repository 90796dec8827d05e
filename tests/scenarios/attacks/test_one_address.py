"""A school behind one IPv4 address: the defaults let 500 people sign in and join at once."""

import asyncio
import contextlib
from pathlib import Path

import aiohttp
import pytest

from mediaserver.base.processes.descriptors import raise_limit
from mediaserver.base.settings.tree import Auth, Http, Limits
from tests.e2e.server import Person, Server
from tests.scenarios.bystander import within
from tests.scenarios.wire import Raw

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

SCHOOL = "127.0.0.8"
PEOPLE, ROOMS, CONNECTIONS = 500, 5, 6
"""Browsers open up to six connections to one server, and one more for the WebSocket."""


async def test_five_hundred_people_sign_in_and_join(tmp_path: Path) -> None:
    raise_limit()
    defaults = {
        "auth.attempts_per_minute": str(Auth().attempts_per_minute),
        "auth.registrations_per_hour": str(Auth().registrations_per_hour),
        "limits.anonymous_per_minute": str(Limits().anonymous_per_minute),
        "limits.reads_per_minute": str(Limits().reads_per_minute),
        "limits.writes_per_minute": str(Limits().writes_per_minute),
    }
    connector = aiohttp.TCPConnector(local_addr=(SCHOOL, 0), limit=0)
    async with (
        Server.running(tmp_path / "data", defaults) as server,
        aiohttp.ClientSession(connector=connector) as http,
    ):
        names = [f"pupil-{number}" for number in range(PEOPLE)]
        at_once = asyncio.Semaphore(32)

        async def register(name: str) -> None:
            async with at_once:
                await Person.register(http, server.url, name)

        await asyncio.gather(*(register(name) for name in names))
        host = await Person.register(http, server.url, "host")
        rooms = [(await host.post("/video-sessions", {"title": f"Class {n}"}))["id"] for n in range(ROOMS)]
        for room in rooms:
            await host.post(f"/video-sessions/{room}/start", status=200)
        everyone_is_in = asyncio.Barrier(PEOPLE)
        idle: list[asyncio.StreamWriter] = []

        async def attend(name: str, room: str) -> None:
            async with at_once:
                for _ in range(CONNECTIONS - 1):
                    idle.append(await _kept(server))
                body = {"login": name, "password": f"{name}-password"}
                async with http.post(f"{server.url}/api/v1/auth/login", json=body) as answer:
                    assert answer.status == 200, await answer.text()
                    token = (await answer.json())["accessToken"]
            async with Raw.connected(http, server.url, token) as raw:
                async with at_once:
                    joined = await raw.ask("session.join", {"kind": "video", "sessionId": room})
                assert joined["ok"], joined
                await everyone_is_in.wait()

        try:
            async with within(60, server), asyncio.TaskGroup() as people:
                for number, name in enumerate(names):
                    people.create_task(attend(name, rooms[number % ROOMS]))
        finally:
            for writer in idle:
                writer.close()
            for writer in idle:
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        assert len(idle) + PEOPLE < Http().max_connections_per_address


async def _kept(server: Server) -> asyncio.StreamWriter:
    """One of a browser's connections, kept open after a page or picture."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(SCHOOL, 0))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    return writer
