"""Whole servers under bad input and faults, seen through the public protocol; no browsers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiortc import RTCCertificate
from moto.server import ThreadedMotoServer

from tests.e2e.server import Server
from tests.scenarios.room import Room


@pytest_asyncio.fixture(loop_scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture(scope="session")
def certificate() -> RTCCertificate:
    return RTCCertificate.generateCertificate()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One server for the scenarios of a module that break nothing."""
    async with Server.running(tmp_path_factory.mktemp("server"), {"rooms.grace_s": "1"}) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def own(tmp_path: Path) -> AsyncIterator[Server]:
    """A server that the scenario may kill."""
    small = {"recording.width": "160", "recording.height": "90", "recording.fps": "10"}
    async with Server.running(tmp_path / "data", small) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def room(http: aiohttp.ClientSession, certificate: RTCCertificate) -> AsyncIterator[Room]:
    """A session to be opened on some server; its people leave at the end."""
    opened = Room(http, certificate)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """An S3 of our own over real HTTP."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()
