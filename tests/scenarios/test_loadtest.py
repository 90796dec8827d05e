"""`mediaserver loadtest` against a whole server: it measures, and leaves nothing behind."""

import asyncio
import contextlib
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from mediaserver.loadtest.account import Account, Refused
from mediaserver.loadtest.run import Load, run
from tests.e2e.server import Person, Server

_NUMBERS = itertools.count()

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def small(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server with room for three in a session."""
    async with Server.running(tmp_path_factory.mktemp("small"), {"rooms.capacity": "3"}) as running:
        yield running


async def leftovers(http: aiohttp.ClientSession, url: str) -> list[str]:
    """Usernames of bots and titles of load tests, as a stranger sees them."""
    guest = await Person.register(http, url, f"guest{next(_NUMBERS)}")
    sessions = (await guest.get("/video-sessions"))["items"]
    users = (await guest.get("/users?limit=100"))["items"]
    titles = [session["title"] for session in sessions if session["title"].startswith("Load test")]
    return titles + [user["username"] for user in users if user["username"].startswith("bot-")]


@pytest.mark.parametrize("synthetic", [False, True])
async def test_latency_is_measured_and_nothing_is_left_behind(
    small: Server, http: aiohttp.ClientSession, synthetic: bool
) -> None:
    report = await run(Load(small.url, publishers=1, subscribers=2, seconds=3, synthetic=synthetic))
    assert report.is_good
    assert report.latency_p50_ms is not None and report.latency_p99_ms is not None
    assert 0 < report.latency_p50_ms <= report.latency_p99_ms < 5000
    assert await leftovers(http, small.url) == []


async def test_an_account_is_deleted_though_its_token_expired(small: Server, http: aiohttp.ClientSession) -> None:
    account = Account(http, small.url, "bot-late")
    await account.sign_in()
    session = await account.create_session("video", "Load test late")
    account.token = "expired"
    await account.remove_session("video", session)
    account.token = "expired"
    await account.remove()
    assert await leftovers(http, small.url) == []


async def test_a_refused_run_leaves_nothing_behind(small: Server, http: aiohttp.ClientSession) -> None:
    with pytest.raises(Refused, match="room_full"):
        await run(Load(small.url, publishers=1, subscribers=5, seconds=1))
    assert await leftovers(http, small.url) == []


async def test_a_cancelled_run_leaves_nothing_behind(small: Server, http: aiohttp.ClientSession) -> None:
    counting = asyncio.Event()

    async def begun() -> None:
        counting.set()

    running = asyncio.create_task(run(Load(small.url, subscribers=2, seconds=60), begun))
    await counting.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert running.cancelled()
    assert await leftovers(http, small.url) == []


async def command(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [str(Path(sys.executable).with_name("mediaserver")), "loadtest", url, *arguments]
    return await asyncio.to_thread(subprocess.run, line, capture_output=True, text=True, timeout=60)


async def test_the_command_prints_figures(small: Server) -> None:
    done = await command(small.url, "--subscribers", "1", "--seconds", "1")
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(": ") for line in done.stdout.splitlines())
    assert float(printed["latency_p50_ms"]) > 0 and float(printed["latency_p99_ms"]) > 0
    assert printed["left_behind"] == "0"


async def test_the_command_says_in_one_line_why_it_cannot_run(small: Server) -> None:
    for url, why in ((small.url, "room_full"), ("http://127.0.0.1:9", "127.0.0.1:9")):
        done = await command(url, "--subscribers", "4", "--seconds", "1")
        assert done.returncode == 1
        assert why in done.stderr and "Traceback" not in done.stderr
    nobody = await command(small.url, "--subscribers", "0")
    assert nobody.returncode == 2 and "must be at least 1" in nobody.stderr
