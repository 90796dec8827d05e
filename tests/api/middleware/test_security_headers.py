"""What answers tell browsers, and what they do not tell strangers."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from mediaserver.api import build_api
from mediaserver.api.operations import pages
from mediaserver.api.runtime.services import Services
from mediaserver.base.net.tls import ServerTls, ensure_self_signed
from mediaserver.base.settings.tree import Http, Settings, Tls
from mediaserver.http.server import WebServer
from tests.api.conftest import rooms_of
from tests.usecases.world import World

PUBLIC = Http(port=0, public_url="https://media.example.org", trusted_proxies=("127.0.0.1",))
HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "media.example.org"}


@asynccontextmanager
async def server(world: World, http: Http, tls: Tls | None = None) -> AsyncIterator[str]:
    """The real server with its own listener; answers its address."""
    settings = Settings(http=http, tls=tls or Tls(), data=world.ctx.settings.data)
    app = web.Application()
    build_api(app, Services(replace(world.ctx, settings=settings), rooms_of(world), {}))
    pages.setup(app, settings)
    context = ServerTls(tls.cert, tls.key).context if tls and tls.cert and tls.key else None
    served = WebServer(app, http, 4096, context)
    port = await served.open()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{port}"
    finally:
        await served.close()


async def headers(url: str, **sent: str) -> dict[str, str]:
    async with aiohttp.ClientSession() as http, http.get(url, headers=sent, ssl=False) as answer:
        return {name.lower(): value for name, value in answer.headers.items()}


async def test_no_answer_names_a_version(world: World) -> None:
    async with server(world, Http(port=0)) as url:
        for path in ("/", "/docs", "/healthz", "/api/v1/users", "/nothing", "/web/style.css", "/files/x"):
            for name, value in (await headers(url + path)).items():
                assert not re.search(r"(?i)aiohttp|python", value), (path, name, value)
        host, _, port = url.removeprefix("http://").partition(":")
        for nonsense in (b"NONSENSE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nA b: c\r\n\r\n"):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(nonsense)
            said = (await reader.read()).lower()
            writer.close()
            assert b"400" in said.splitlines()[0]
            assert b"aiohttp" not in said
            assert b"python" not in said


@pytest.mark.parametrize("path", ["/", "/docs", "/healthz", "/api/v1/users", "/nothing", "/web/style.css"])
async def test_every_answer_may_not_be_framed_or_guessed(world: World, path: str) -> None:
    async with server(world, Http(port=0)) as url:
        found = await headers(url + path)
    assert found["x-content-type-options"] == "nosniff"
    assert found["referrer-policy"] in ("no-referrer", "same-origin")
    assert "frame-ancestors 'none'" in found["content-security-policy"]
    assert "strict-transport-security" not in found


async def test_pages_keep_to_themselves(world: World) -> None:
    async with server(world, Http(port=0)) as url:
        found = await headers(f"{url}/")
    assert found["cross-origin-opener-policy"] == "same-origin"
    assert "camera=(self)" in found["permissions-policy"]
    assert "geolocation=()" in found["permissions-policy"]
    assert "form-action 'self'" in found["content-security-policy"]


async def test_browsers_are_told_to_stay_with_https_behind_a_proxy(world: World) -> None:
    async with server(world, PUBLIC) as url:
        assert (await headers(f"{url}/", **HTTPS))["strict-transport-security"] == "max-age=31536000"
        assert "strict-transport-security" in await headers(f"{url}/api/v1/users", **HTTPS)
        assert "strict-transport-security" not in await headers(f"{url}/")
    async with server(world, PUBLIC.model_copy(update={"trusted_proxies": ()})) as url:
        assert "strict-transport-security" not in await headers(f"{url}/", **HTTPS)
    async with server(world, PUBLIC.model_copy(update={"hsts_max_age_s": 0})) as url:
        assert "strict-transport-security" not in await headers(f"{url}/", **HTTPS)


async def test_a_self_signed_certificate_binds_nobody(world: World, tmp_path: Path) -> None:
    cert, key = ensure_self_signed(tmp_path, ["127.0.0.1"])
    async with server(world, Http(port=0), Tls(cert=cert, key=key)) as url:
        assert "strict-transport-security" not in await headers(f"{url}/")
