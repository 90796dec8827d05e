"""The storage thread: an event loop of its own that owns the SQLite file and the connections that work with it.

All requests that wait at the same moment share one transaction, so that many clients share one fsync. A reply is
given only after the commit; when it fails, every request of the batch is told so. Requests are read, performed
and answered in this one thread: handing each to another and back would cost more than most of them.
"""

import asyncio
import logging
import socket
import sqlite3
import threading
import time
from collections import deque

import uvloop

from mediaserver.base.processes.supervision import periodic
from mediaserver.documentserver import admin, reads, writes
from mediaserver.documentserver.commands import run
from mediaserver.documentserver.connection import Connection, Waiting
from mediaserver.documentserver.cursors import Cursors
from mediaserver.documentserver.errors import CommandError
from mediaserver.documentserver.storage import Storage
from mediaserver.documentserver.wire import Request, write_reply

log = logging.getLogger(__name__)

_MAX_BATCH = 256
_PARTING_S = 0.01  # for the last replies to leave
_FULL = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC")


class Engine:
    """`open`, `adopt` and `close` are for the event loop that made it; the rest runs in the thread."""

    def __init__(
        self, path: str, synchronous: str = "FULL", cursor_idle_s: float = 600.0, sweep_s: float = 60.0
    ) -> None:
        assert reads and writes and admin, "they fill the table of commands"
        self._path, self._synchronous, self._sweep_s = path, synchronous, sweep_s
        self._cursors = Cursors(time.monotonic, cursor_idle_s)
        self._connections: set[Connection] = set()
        self._waiting: deque[Waiting] = deque()
        self._owner = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._owner.create_future()
        self._thread = threading.Thread(target=self._main, name="storage", daemon=True)

    async def open(self) -> None:
        """Open the file; raises `sqlite3.Error` when that cannot be done."""
        self._thread.start()
        await self._opened

    def adopt(self, connection: socket.socket, received: bytes) -> None:
        """Take over a connection, and what was already read from it."""
        self._loop.call_soon_threadsafe(self._attach, connection, received)

    async def close(self) -> None:
        """Finish what was asked for, write the log back into the file and close it."""
        self._loop.call_soon_threadsafe(self._ending.set)
        await asyncio.to_thread(self._thread.join)

    # ------------------------------------------------------------------------------------- in the thread

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            self._storage = Storage(self._path, self._synchronous)
        except (sqlite3.Error, CommandError) as error:
            self._owner.call_soon_threadsafe(self._opened.set_exception, error)
            return
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        self._owner.call_soon_threadsafe(self._opened.set_result, None)
        sweeper = asyncio.create_task(periodic("sweeping", self._sweep, self._sweep_s), name="sweep")
        await self._ending.wait()
        sweeper.cancel()
        while self._waiting:
            self._perform()
        for connection in tuple(self._connections):
            connection.end()
        await asyncio.sleep(_PARTING_S)
        self._storage.close()

    def _attach(self, connection: socket.socket, received: bytes) -> None:
        made = Connection(received, self._enqueue, self._connections)
        attaching = asyncio.ensure_future(self._loop.connect_accepted_socket(lambda: made, connection))
        made.attaching = attaching

    def _enqueue(self, waiting: Waiting) -> None:
        if not self._waiting:
            self._loop.call_soon(self._perform)
        self._waiting.append(waiting)

    def _perform(self) -> None:
        """Answer what waits. More of it than a batch, or than came meanwhile, gets its turn after the sockets."""
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MAX_BATCH))]
        if self._waiting:
            self._loop.call_soon(self._perform)
        if not batch:
            return
        sql = self._storage.sql
        try:
            sql.execute("BEGIN")
            replies = [self._reply(item.request) for item in batch]
            sql.execute("COMMIT")
        except sqlite3.Error as error:
            log.error("transaction failed", extra={"error": str(error), "requests": len(batch)})
            self._undo()
            refusal = _storage_error(error)
            replies = [write_reply(item.request, refusal.reply()) for item in batch]
        for item, reply in zip(batch, replies, strict=True):
            item.answer(reply)

    def _undo(self) -> None:
        if self._storage.sql.in_transaction:
            self._storage.sql.execute("ROLLBACK")
        self._storage.load()

    def _reply(self, request: Request) -> bytes:
        try:
            return write_reply(request, run(self._storage, self._cursors, request))
        except CommandError as error:
            return write_reply(request, error.reply())
        except sqlite3.Error:
            raise
        except RecursionError:
            return write_reply(request, CommandError(15, "the request is nested too deeply").reply())
        except Exception:  # a bug in one command must not end the server for all
            log.exception("command failed", extra={"command": request.command})
            return write_reply(request, CommandError(8, f"{request.command} failed unexpectedly").reply())

    async def _sweep(self) -> None:
        """Delete expired documents and forget idle cursors."""
        self._cursors.expire()
        self._storage.sql.execute("BEGIN")
        try:
            self._expire()
            self._storage.sql.execute("COMMIT")
        except BaseException:
            self._undo()
            raise

    def _expire(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        for collection in list(self._storage.collections.values()):
            for index in collection.indexes:
                if index.expire_after_s is not None:
                    writes.expire(collection, index, now_ms - index.expire_after_s * 1000)


def _storage_error(error: sqlite3.Error) -> CommandError:
    if getattr(error, "sqlite_errorname", "") in _FULL:
        return CommandError(14031, f"the document store cannot write: {error}")
    return CommandError(8, f"the document store failed: {error}")
