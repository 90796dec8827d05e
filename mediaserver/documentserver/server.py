"""The listening side: greets clients, then hands each that begins to work to the storage thread.

Drivers watch a server over a connection of its own that only ever says hello; that is answered here, also while
the storage thread is busy.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from mediaserver.documentserver.admin import hello
from mediaserver.documentserver.engine import Engine
from mediaserver.documentserver.errors import CommandError
from mediaserver.documentserver.wire import ProtocolError, read_request, take_frame, write_reply

log = logging.getLogger(__name__)

_BACKLOG, _CHUNK, _LONGEST_HELLO = 128, 1 << 16, 1 << 12
_ACCEPT_RETRY_S = 0.1


class Server:
    """Serves an engine on a Unix socket that only its owner can reach."""

    def __init__(self, engine: Engine, socket_path: str) -> None:
        self._engine, self._socket_path = engine, socket_path
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener = socket.socket(socket.AF_UNIX)

    async def open(self) -> None:
        """Raises `OSError` when it cannot listen there."""
        Path(self._socket_path).unlink(missing_ok=True)
        previous = os.umask(0o177)
        try:
            self._listener.bind(self._socket_path)
        finally:
            os.umask(previous)
        self._listener.listen(_BACKLOG)
        self._listener.setblocking(False)
        self._keep(self._accept())

    async def close(self) -> None:
        """Stop listening, then end all connections and close the engine."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()
        await self._engine.close()
        Path(self._socket_path).unlink(missing_ok=True)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:  # no descriptors just now; the client waits in the backlog
                log.warning("a connection cannot be accepted", extra={"why": str(error)})
                await asyncio.sleep(_ACCEPT_RETRY_S)
            else:
                self._keep(self._greet(connection))

    async def _greet(self, connection: socket.socket) -> None:
        """Answer hellos until there is something else to do, which is the engine's."""
        received = b""
        try:
            received = await self._hellos(connection)
        except ProtocolError as error:
            log.warning("closing a connection", extra={"reason": str(error)})
        except OSError:
            pass  # it is gone
        finally:
            if not received:
                connection.close()
        if received:
            self._engine.adopt(connection, received)

    async def _hellos(self, connection: socket.socket) -> bytes:
        """What was received and is no hello; nothing at the end of the connection."""
        loop, received = asyncio.get_running_loop(), bytearray()
        while data := await loop.sock_recv(connection, _CHUNK):
            received += data
            before = bytes(received)
            while frame := take_frame(received):
                try:
                    request = read_request(*frame)
                except CommandError:
                    return before
                if request.command not in ("hello", "isMaster", "ismaster"):
                    return before
                await loop.sock_sendall(connection, write_reply(request, hello(request.command != "hello")))
                before = bytes(received)
            if len(received) > _LONGEST_HELLO:
                return before
        return b""
