"""The document server's process: `python -m mediaserver.documentserver FD`, a child of the main process.

Its first request is `configure {"path", "socket"}`; the channel closing is its order to finish.
"""

import asyncio
import gc
import logging
import signal
import socket
import sqlite3
import sys

import uvloop

from mediaserver.base.errors import BadRequest, Unavailable
from mediaserver.base.processes.channel import Body, Channel
from mediaserver.documentserver.engine import Engine
from mediaserver.documentserver.server import Server

log = logging.getLogger(__name__)


class Process:
    def __init__(self) -> None:
        self._server: Server | None = None

    async def handle(self, op: str, body: Body) -> Body:
        if op == "configure" and self._server is None:
            return await self._configure(body)
        if op == "ping":
            return {}
        raise BadRequest("bad_request", f"the document server does not take {op!r} now")

    async def _configure(self, body: Body) -> Body:
        """`path` and `socket`; also `synchronous` (FULL or NORMAL), `ttl_sweep_s` and `cursor_idle_s`."""
        engine = Engine(
            body["path"],
            body.get("synchronous", "FULL"),
            body.get("cursor_idle_s", 600.0),
            body.get("ttl_sweep_s", 60.0),
        )
        server = Server(engine, body["socket"])
        try:
            await engine.open()
        except sqlite3.Error as error:
            raise Unavailable("store_unusable", f"cannot open {body['path']}: {error}") from error
        try:
            await server.open()
        except OSError as error:
            await engine.close()
            raise Unavailable("store_unusable", f"cannot listen on {body['socket']}: {error}") from error
        self._server = server
        gc.freeze()
        return {}

    async def finish(self) -> None:
        if self._server is not None:
            await self._server.close()


async def main(descriptor: int) -> None:
    process = Process()
    channel = await Channel.open(socket.socket(fileno=descriptor), process.handle)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, channel.close)
    await channel.run()
    await process.finish()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
