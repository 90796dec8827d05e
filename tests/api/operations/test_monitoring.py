"""Metrics and readiness are for those who run the server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mediaserver.api import build_api, build_monitoring
from mediaserver.api.runtime.services import Services
from mediaserver.base.settings.tree import Http, Monitoring, Security, Settings
from tests.api.conftest import Client, rooms_of
from tests.usecases.world import World

PATHS = ("/metrics", "/readyz")
TOKEN = "a-token-of-32-characters-or-more"


@asynccontextmanager
async def client_of(world: World, alone: bool = False, **sections: object) -> AsyncIterator[Client]:
    settings = Settings(**{"http": Http(), "data": world.ctx.settings.data, **sections})  # type: ignore[arg-type]
    services = Services(replace(world.ctx, settings=settings), rooms_of(world), {})
    app = web.Application()
    (build_monitoring if alone else build_api)(app, services)
    async with TestClient(TestServer(app)) as client:
        yield client


async def statuses(client: Client, **headers: str) -> set[int]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return {(await client.get(path, headers=sent)).status for path in PATHS}


async def test_this_machine_may_ask_when_nothing_else_is_set(world: World) -> None:
    async with client_of(world) as client:
        assert await statuses(client) == {200}
        assert await statuses(client, Host="localhost") == {200}
        assert await statuses(client, Host="[::1]:8080") == {200}


@pytest.mark.parametrize(
    "told",
    [
        {"X_Forwarded_For": "203.0.113.9"},
        {"X_Real_IP": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"Via": "1.1 proxy"},
        {"X_Forwarded_Proto": "https"},
        {"Host": "media.example.org"},
        {"Host": "203.0.113.7:8080"},
        {"Host": "localhost.example.org"},
    ],
)
async def test_people_behind_a_proxy_on_this_machine_may_not(world: World, told: dict[str, str]) -> None:
    async with client_of(world) as client:
        assert await statuses(client, **told) == {404}


@pytest.mark.parametrize(
    "http", [Http(public_url="https://media.example.org"), Http(trusted_proxies=("127.0.0.1", "::1"))]
)
async def test_a_server_that_is_set_up_for_others_answers_nobody(world: World, http: Http) -> None:
    async with client_of(world, http=http) as client:
        assert await statuses(client) == {404}
        assert (await client.get("/healthz")).status == 200


async def test_a_token_opens_them_everywhere(world: World) -> None:
    http = Http(public_url="https://media.example.org")
    async with client_of(world, http=http, monitoring=Monitoring(token=TOKEN)) as client:
        assert await statuses(client) == {404}
        for wrong in (f"Bearer {TOKEN}x", "Bearer ", f"Basic {TOKEN}", TOKEN, "Bearer caf\u00e9"):
            assert await statuses(client, Authorization=wrong) == {404}
        assert await statuses(client, Authorization=f"Bearer {TOKEN}", X_Forwarded_For="203.0.113.9") == {200}


async def test_with_a_listener_of_their_own_the_public_one_has_them_no_more(world: World) -> None:
    monitoring = Monitoring(port=9090)
    async with client_of(world, monitoring=monitoring) as client:
        assert await statuses(client) == {404}
    async with client_of(world, alone=True, monitoring=monitoring) as client:
        assert await statuses(client) == {200}
        assert (await client.get("/healthz")).status == 200
        assert (await client.get("/api/v1/users")).status == 404


async def test_security_txt_names_the_contacts(world: World) -> None:
    security = Security(
        contacts=("security@example.org", "https://example.org/report"),
        policy_url="https://example.org/policy",
        languages=("en", "de"),
    )
    async with client_of(world, http=Http(public_url="https://media.example.org"), security=security) as client:
        answer = await client.get("/.well-known/security.txt")
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert (await answer.text()).splitlines() == [
            "Contact: mailto:security@example.org",
            "Contact: https://example.org/report",
            f"Expires: {(world.clock.now + timedelta(days=180)):%Y-%m-%dT00:00:00}Z",
            "Preferred-Languages: en, de",
            "Canonical: https://media.example.org/.well-known/security.txt",
            "Policy: https://example.org/policy",
        ]


async def test_without_contacts_there_is_no_security_txt(world: World) -> None:
    async with client_of(world) as client:
        assert (await client.get("/.well-known/security.txt")).status == 404
