from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mediaserver.api import build_api
from mediaserver.api.operations import health
from mediaserver.api.operations.monitoring import MonitoringAccess
from mediaserver.api.runtime.services import Services
from mediaserver.base.settings.tree import Http
from mediaserver.rooms.registry import Rooms
from mediaserver.rooms.room_task import RoomDependencies
from tests.rooms.fakes import FakeRecorder, FakeWorkers
from tests.store.conftest import ENGINES, engine, shared_server, uri  # noqa: F401 - fixtures
from tests.usecases.world import World, open_world

Client = TestClient[web.Request, web.Application]


class Silent:
    """Sockets of people in rooms, where none are connected."""

    def attach(self, socket: str, room: str) -> None: ...

    def detach(self, socket: str, room: str) -> None: ...

    def close(self, socket: str) -> None: ...

    def broadcast(self, room: str, event: str, data: dict[str, Any]) -> None: ...

    def send(
        self, socket: str, event: str, data: dict[str, Any], acknowledged: Callable[[], None] | None = None
    ) -> None: ...


def rooms_of(world: World) -> Rooms:
    """Real ones; their media worker and recorder do nothing."""
    return Rooms(RoomDependencies(world.ctx, Silent(), FakeWorkers(), FakeRecorder(), ()))


@pytest.fixture
async def world(uri: str, tmp_path: Path) -> AsyncIterator[World]:  # noqa: F811
    http = Http(allowed_origins=("https://school.example",), trusted_proxies=("127.0.0.0/8", "::1"))
    async with open_world(uri, tmp_path, http) as world:
        yield world


@pytest.fixture
async def rooms(world: World) -> AsyncIterator[Rooms]:
    rooms = rooms_of(world)
    yield rooms
    await rooms.shutdown()


@pytest.fixture
def parts() -> dict[str, Any]:
    """Readiness checks, for tests to add to."""
    return {}


@pytest.fixture
async def client(world: World, rooms: Rooms, parts: dict[str, Any]) -> AsyncIterator[Client]:
    app = web.Application()
    build_api(app, Services(world.ctx, rooms, parts))
    app[health.ACCESS] = MonitoringAccess(world.ctx.settings, open=True)  # the client is a trusted proxy here
    server = TestServer(app)
    await server.start_server(auto_decompress=False)  # as `app.py` does
    async with TestClient(server) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
