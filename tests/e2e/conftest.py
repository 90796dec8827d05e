"""Browsers are started once and shared by all scenarios; pages and servers belong to one scenario each."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.attendee import Attendee
from tests.e2e.browsers import Chromium, Firefox
from tests.e2e.server import Person, Server


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def chromium() -> AsyncIterator[Chromium]:
    async with Chromium.start() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def firefox() -> AsyncIterator[Firefox]:
    async with Firefox.start() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One server for the scenarios of a module that break nothing."""
    data: Path = tmp_path_factory.mktemp("server")
    async with Server.running(data) as running:
        yield running


Enter = Callable[..., Awaitable[Attendee]]


@pytest_asyncio.fixture(loop_scope="session")
async def enter(
    chromium: Chromium, http: aiohttp.ClientSession, request: pytest.FixtureRequest
) -> AsyncIterator[Enter]:
    """`await enter(server_or_url, person, who)` opens a page for somebody; all pages close at the end."""
    opened: list[Attendee] = []
    known: dict[str, int] = {}

    async def one(url: str, person: Person, who: int, browser: Chromium | Firefox | None = None) -> Attendee:
        page = await (browser or chromium).page()
        attendee = await Attendee(page, person, who, known).open(url)
        opened.append(attendee)
        return attendee

    yield one
    for attendee in opened:
        await attendee.page.close()
