"""How much anybody may ask in a minute: said in headers, refused beyond; when nobody counts nobody is refused."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mediaserver.api import build_api
from mediaserver.api.middleware import rate_limits
from mediaserver.api.runtime.services import Services
from mediaserver.base.errors import Unavailable
from mediaserver.base.settings.tree import Http, Limits
from mediaserver.store.counters import MemoryCounters, Verdict
from tests.api.conftest import Client, bearer, rooms_of
from tests.store.conftest import ENGINES, engine, shared_server, uri  # noqa: F401 - fixtures
from tests.usecases.world import World, open_world

FEW = Limits(reads_per_minute=3, writes_per_minute=2, anonymous_per_minute=4)
USERS, SESSIONS = "/api/v1/users", "/api/v1/video-sessions"


@pytest.fixture
async def world(uri: str, tmp_path: Path) -> AsyncIterator[World]:  # noqa: F811
    async with open_world(uri, tmp_path, Http(trusted_proxies=("127.0.0.0/8",)), limits=FEW) as world:
        yield world


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    app = web.Application()
    build_api(app, Services(world.ctx, rooms_of(world)))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_reads_of_one_person(client: Client, world: World) -> None:
    ada, eve = bearer(await world.token("ada")), bearer(await world.token("eve"))
    for remaining in (2, 1, 0):
        answer = await client.get(USERS, headers=ada)
        assert answer.status == 200
        assert answer.headers["RateLimit-Policy"] == '"reads";q=3;w=60'
        assert answer.headers["RateLimit"] == f'"reads";r={remaining};t=60'
    world.clock.pass_s(20)
    refused = await client.get(USERS, headers=ada)
    assert refused.status == 429 and (await refused.json())["code"] == "too_many"
    assert refused.headers["Retry-After"] == "40" and refused.headers["RateLimit"] == '"reads";r=0;t=40'
    assert (await client.get(USERS, headers=eve)).status == 200
    world.clock.pass_s(40)
    assert (await client.get(USERS, headers=ada)).status == 200


async def test_writes_are_counted_apart_and_refused_before_they_happen(client: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    statuses = [(await client.post(SESSIONS, json={"title": "x"}, headers=ada)).status for _ in range(3)]
    assert statuses == [201, 201, 429] and await world.ctx.sessions.count({}) == 2
    answer = await client.get(USERS, headers=ada)
    assert answer.status == 200 and answer.headers["RateLimit"] == '"reads";r=2;t=60'


async def test_whoever_does_not_sign_in_is_counted_by_address(client: Client, world: World) -> None:
    here, there = {"X-Forwarded-For": "203.0.113.1"}, {"X-Forwarded-For": "203.0.113.2"}
    calls = [("GET", "/api/v1/nothing"), ("DELETE", USERS), ("GET", USERS), ("GET", "/api/v1/openapi.json")]
    for remaining, ((method, path), status) in enumerate(zip(calls[::-1], (200, 401, 405, 404), strict=True)):
        answer = await client.request(method, path, headers={**here, **bearer("x.y.z")})
        assert answer.status == status, path
        assert answer.headers["RateLimit"] == f'"anonymous";r={3 - remaining};t=60'
    for method, path in calls:
        answer = await client.request(method, path, headers=here)
        assert answer.status == 429 and answer.headers["Retry-After"] == "60"
        assert (await client.request(method, path, headers=there)).status != 429
    ada = bearer(await world.token("ada"))
    assert (await client.get(USERS, headers=here | ada)).status == 200


async def test_health_and_files_are_not_counted(client: Client) -> None:
    for _ in range(6):
        for path in ("/healthz", "/files/uploads/x", "/elsewhere"):
            answer = await client.get(path)
            assert answer.status != 429 and "RateLimit" not in answer.headers


async def test_zero_is_no_limit(uri: str, tmp_path: Path) -> None:  # noqa: F811
    none = Limits(reads_per_minute=0, writes_per_minute=0, anonymous_per_minute=0)
    async with open_world(uri, tmp_path, limits=none) as world:
        app = web.Application()
        build_api(app, Services(world.ctx, rooms_of(world)))
        async with TestClient(TestServer(app)) as client:
            answer = await client.get(USERS, headers=bearer(await world.token("ada")))
            assert answer.status == 200 and "RateLimit" not in answer.headers


async def test_when_nobody_counts_nobody_is_refused_and_few_wait(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ada = bearer(await world.token("ada"))
    asked, now = 0, 1000.0

    async def away(self: MemoryCounters, key: str, limit: int, window_s: float) -> Verdict:
        nonlocal asked
        asked += 1
        raise Unavailable("counters_unavailable", "Redis does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(MemoryCounters, "hit", away)
        broken.setattr(rate_limits, "monotonic", lambda: now)
        for _ in range(10):
            answer = await client.get(USERS, headers=ada)
            assert answer.status == 200 and "RateLimit" not in answer.headers
        assert asked == 1
        now += 5
        await client.get(USERS, headers=ada)
        assert asked == 2
        now += 60
        await client.get(USERS, headers=ada)
        assert asked == 3
    said = [record for record in caplog.records if "not limited" in record.message]
    assert len(said) == 2
