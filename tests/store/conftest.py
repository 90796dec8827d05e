"""A document server of one's own for each test run, and a database of one's own for each test."""

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from mediaserver.base.ids import new_id
from mediaserver.base.processes.channel import Channel


class EmbeddedServer:
    """The document server's process, driven as the main process drives it."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.path, self.socket = directory / "documents.sqlite", directory / "m.sock"
        self._options = options
        self.uri = f"mongodb://{quote(str(self.socket), safe='')}"

    async def start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "mediaserver.documentserver",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
            )
        self.channel = await Channel.open(ours)
        self._reading = asyncio.create_task(self.channel.run())
        body = {"path": str(self.path), "socket": str(self.socket), **self._options}
        await self.channel.request("configure", body)

    async def kill(self) -> None:
        self.process.kill()
        await self._end()

    async def stop(self) -> int:
        self.channel.close()
        return await self._end()

    async def _end(self) -> int:
        code = await asyncio.wait_for(self.process.wait(), 10)
        self.channel.close()
        await self._reading
        return code


@contextlib.asynccontextmanager
async def embedded_server(directory: Path, **options: Any) -> AsyncIterator[EmbeddedServer]:
    server = EmbeddedServer(directory, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture(scope="session")
def shared_server() -> Iterator[str]:
    """The URI of a document server that all tests of the run share; it lives in a thread with its own loop."""
    with tempfile.TemporaryDirectory(prefix="ms-") as directory, asyncio.Runner() as runner:
        server = EmbeddedServer(Path(directory))
        runner.run(server.start())
        yield server.uri
        assert runner.run(server.stop()) == 0


ENGINES = ["embedded", *(["external"] if os.environ.get("MONGODB_URI") else [])]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def uri(engine: str, request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("shared_server")) if engine == "embedded" else os.environ["MONGODB_URI"]


@pytest.fixture
async def client(uri: str) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    async with AsyncMongoClient[dict[str, Any]](uri, tz_aware=True, serverSelectionTimeoutMS=5000) as client:
        yield client


@pytest.fixture
async def db(client: AsyncMongoClient[dict[str, Any]]) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    database = client[f"test_{new_id()}"]
    yield database
    await client.drop_database(database.name)


@pytest.fixture
async def local(shared_server: str) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    """A database of the embedded server, whatever else is tested."""
    async with AsyncMongoClient[dict[str, Any]](shared_server, tz_aware=True) as client:
        yield client["local"]
        await client.drop_database("local")
