"""The web directory on an ephemeral port, and a Chromium page on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

import mediaserver

WEB = Path(mediaserver.__file__).parent / "web"
CHECKS = Path(__file__).parent / "checks"
FLAGS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-quic",
    "--no-first-run", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """`/web` as the server serves it, `/checks` beside it, `/` for the page."""

    async def index(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(WEB / "index.html")

    app = web.Application()
    app.router.add_get("/", index)
    app.router.add_static("/web", WEB)
    app.router.add_static("/checks", CHECKS)
    runner = web.AppRunner(app)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    assert place._server is not None
    port = place._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


@pytest.fixture
async def page(site: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        opened = await browser.new_page()
        await opened.goto(f"{site}/checks/blank.html")
        yield opened
        await browser.close()
