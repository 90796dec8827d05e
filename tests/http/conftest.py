"""A web server of our own with short deadlines, on loopback."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import uvloop
from aiohttp import web

from mediaserver.api.declarations.bodies import read_body
from mediaserver.api.errors import problems
from mediaserver.base.settings.tree import Http
from mediaserver.http.connection import signed_in
from mediaserver.http.server import WebServer

Serving = Callable[..., AbstractAsyncContextManager["Served"]]


class Served:
    """The running server, and connections to it."""

    def __init__(self, server: WebServer, port: int) -> None:
        self.server, self.port = server, port
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self, source: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        self._writers.append(writer)
        return reader, writer

    async def ask(self, request: bytes, source: str = "127.0.0.1") -> bytes:
        """Send `request` on a connection of its own; return all that comes back until the server closes it."""
        reader, writer = await self.connect(source)
        writer.write(request)
        return await closed(reader)

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def closed(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the server closes the connection, which it must do soon."""
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            while data := await reader.read(1 << 16):
                received += data
    return bytes(received)


async def _echo(request: web.Request) -> web.Response:
    body = await read_body(request, 1 << 20)
    return web.Response(text=f"{len(body)} bytes")


async def _mine(request: web.Request) -> web.Response:
    signed_in(request, "user", streams=False)
    return await _echo(request)


async def _file(request: web.Request) -> web.Response:
    signed_in(request, "user", streams=True)
    size = sum([len(chunk) async for chunk in request.content.iter_any()])
    return web.Response(text=f"{size} bytes")


async def _late(request: web.Request) -> web.Response:
    await asyncio.sleep(0.5)
    return web.Response(text="late")


def on_uvloop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on the event loop of the real server, whose transports differ from asyncio's own."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        uvloop.run(test(*arguments, **named))

    return run


@pytest.fixture
def serving() -> Serving:
    @contextlib.asynccontextmanager
    async def serve(descriptors: int = 65_536, **settings: Any) -> AsyncIterator[Served]:
        app = web.Application(middlewares=[problems])
        app.router.add_get("/", _echo)
        app.router.add_get("/late", _late)
        app.router.add_post("/", _echo)
        app.router.add_post("/mine", _mine)
        app.router.add_post("/file", _file)
        server = WebServer(app, Http(port=0, **settings), descriptors)
        served = Served(server, await server.open())
        try:
            yield served
        finally:
            await served.close()
            await server.close()

    return serve
