"""A document store that hangs: requests are refused in the time that the settings say, and then all is well."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mediaserver.api import build_api
from mediaserver.api.runtime.services import Services
from tests.api.conftest import Client, bearer, rooms_of
from tests.store.conftest import EmbeddedServer, embedded_server
from tests.usecases.world import World, open_world

TIMEOUT_S = 1.0
MARGIN_S = 1.5
"""For what follows in the same request: it waits a second at most, as nothing answered before."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    async with embedded_server(tmp_path) as server:
        yield server


@pytest.fixture
async def world(server: EmbeddedServer, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(server.uri, tmp_path) as world:
        world.ctx.repositories.database.timeout_s = TIMEOUT_S
        yield world


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    app, rooms = web.Application(), rooms_of(world)
    build_api(app, Services(world.ctx, rooms))
    async with TestClient(TestServer(app)) as client:
        yield client
    await rooms.shutdown()


@pytest.mark.slow
async def test_requests_to_a_store_that_hangs_are_refused_in_time(
    server: EmbeddedServer, world: World, client: Client
) -> None:
    ada, now = bearer(await world.token("ada")), asyncio.get_running_loop().time
    path = "/api/v1/tweets"
    made = await (await client.post(path, json={"content": {"text": "hello"}}, headers=ada)).json()
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"{path}/{made['id']}", {}),
        ("PUT", f"{path}/{made['id']}/like", {}),
        ("POST", path, {"json": {"content": {"text": "again"}}}),
        ("POST", path, {"json": {"content": {"text": "once"}}, "headers": ada | {"Idempotency-Key": "a"}}),
        ("PATCH", f"{path}/{made['id']}", {"json": {"content": {"text": "other"}}}),
        ("DELETE", f"{path}/{made['id']}", {}),
    ]

    async def refused(method: str, url: str, more: dict[str, Any]) -> float:
        began = now()
        async with client.request(method, url, **{"headers": ada, **more}) as answer:
            assert answer.status == 503 and answer.headers["Retry-After"]
            assert (await answer.json())["code"] == "store_unavailable"
        return now() - began

    server.process.send_signal(signal.SIGSTOP)
    try:
        for request in requests[:3]:
            assert await refused(*request) < TIMEOUT_S + MARGIN_S
        assert max(await asyncio.gather(*(refused(*one) for one in requests))) < TIMEOUT_S + MARGIN_S
    finally:
        server.process.send_signal(signal.SIGCONT)
    async with client.get(f"{path}/{made['id']}", headers=ada) as answer:
        assert answer.status == 200
    again = [client.post(path, json={"content": {"text": f"after {n}"}}, headers=ada) for n in range(20)]
    assert [answer.status for answer in await asyncio.gather(*again)] == [201] * 20
