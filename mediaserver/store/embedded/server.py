"""The listening side: frames in, replies out, one request of a connection at a time.

Bytes that are not the protocol close their own connection; nothing that one client sends reaches another.
"""

import asyncio
import contextlib
import logging
import os
from pathlib import Path

from mediaserver.store.embedded.admin import hello
from mediaserver.store.embedded.engine import Engine
from mediaserver.store.embedded.errors import CommandError
from mediaserver.store.embedded.wire import (
    HEADER,
    ProtocolError,
    Request,
    encode,
    frame_reply,
    read_header,
    read_request,
    write_reply,
)

log = logging.getLogger(__name__)


class Server:
    """Serves an engine on a Unix socket that only its owner can reach."""

    def __init__(self, engine: Engine, socket_path: str, sweep_s: float = 60.0) -> None:
        self._engine, self._socket_path, self._sweep_s = engine, socket_path, sweep_s
        self._connections: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        Path(self._socket_path).unlink(missing_ok=True)
        previous = os.umask(0o177)
        try:
            self._listener = await asyncio.start_unix_server(self._accept, self._socket_path)
        finally:
            os.umask(previous)
        self._sweeper = asyncio.create_task(self._sweep(), name="sweep")

    async def close(self) -> None:
        """Stop listening, end all connections, then close the engine."""
        tasks = [*self._connections, *([self._sweeper] if self._sweeper else [])]
        if self._listener:
            self._listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._engine.close()
        Path(self._socket_path).unlink(missing_ok=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except ProtocolError as error:
            log.warning("closing a connection", extra={"reason": str(error)})
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            length, request_id, operation = read_header(await reader.readexactly(HEADER.size))
            payload = await reader.readexactly(length - HEADER.size)
            try:
                request = read_request(request_id, operation, payload)
            except CommandError as error:
                writer.write(frame_reply(request_id, False, encode(error.reply())))
            else:
                reply = await self._answer(request)
                if request.reply_wanted:
                    writer.write(reply)
            await writer.drain()

    async def _answer(self, request: Request) -> bytes:
        name = request.command
        if name in ("hello", "isMaster", "ismaster"):  # answered even while the storage thread is busy
            return write_reply(request, hello(name != "hello"))
        return await self._engine.submit(request)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._sweep_s)
            with contextlib.suppress(CommandError):
                await self._engine.sweep()
