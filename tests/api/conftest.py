from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mediaserver.api import build_api
from mediaserver.api.services import Services
from mediaserver.base.errors import Conflict
from mediaserver.base.settings import Http
from mediaserver.domain.actor import Actor
from mediaserver.domain.sessions import SessionKind
from tests.store.conftest import ENGINES, engine, shared_server, uri  # noqa: F401 - fixtures
from tests.usecases.world import World, open_world

Client = TestClient[web.Request, web.Application]


class FakeRooms:
    """Rooms that do as they are told, once one runs."""

    def __init__(self) -> None:
        self.running = False
        self.asked: list[dict[str, Any]] = []

    async def patch_participant(
        self, actor: Actor, kind: SessionKind, session_id: str, participant_id: str, changes: dict[str, Any]
    ) -> dict[str, Any]:
        if not self.running:
            raise Conflict("not_running", "this session has no room now")
        self.asked.append(changes)
        return {"id": participant_id, "handRaised": False, **changes}


@pytest.fixture
async def world(uri: str, tmp_path: Path) -> AsyncIterator[World]:  # noqa: F811
    http = Http(allowed_origins=("https://school.example",), trusted_proxies=("127.0.0.0/8", "::1"))
    async with open_world(uri, tmp_path, http) as world:
        yield world


@pytest.fixture
def rooms() -> FakeRooms:
    return FakeRooms()


@pytest.fixture
def parts() -> dict[str, Any]:
    """Readiness checks, for tests to add to."""
    return {}


@pytest.fixture
async def client(world: World, rooms: FakeRooms, parts: dict[str, Any]) -> AsyncIterator[Client]:
    app = web.Application()
    build_api(app, Services(world.ctx, rooms, parts))
    async with TestClient(TestServer(app)) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
