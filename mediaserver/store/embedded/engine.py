"""The storage thread: takes requests from the event loop, gives replies back after their transaction is durable.

All requests that wait at the same moment share one transaction, so that many clients share one fsync. A reply is
given only after the commit; when it fails, every request of the batch is told so.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

from mediaserver.store.embedded import admin, reads, writes
from mediaserver.store.embedded.commands import run
from mediaserver.store.embedded.cursors import Cursors
from mediaserver.store.embedded.errors import CommandError
from mediaserver.store.embedded.storage import Storage
from mediaserver.store.embedded.wire import Request, write_reply

log = logging.getLogger(__name__)

_MAX_BATCH = 256
_FULL = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC")

Job = tuple[Callable[[], bytes], Request | None, "asyncio.Future[bytes]"]


class Engine:
    """Owns the SQLite file. `submit` may be called from the event loop only."""

    def __init__(self, path: str, synchronous: str = "FULL", cursor_idle_s: float = 600.0) -> None:
        assert reads and writes and admin, "they fill the table of commands"
        self._path, self._synchronous = path, synchronous
        self._cursors = Cursors(time.monotonic, cursor_idle_s)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._main, name="storage", daemon=True)

    async def open(self) -> None:
        """Open the file; raises `sqlite3.Error` when that cannot be done."""
        self._thread.start()
        await self._opened

    async def submit(self, request: Request) -> bytes:
        """Perform a request and give its encoded reply."""
        return await self._put(lambda: self._reply(request), request)

    async def sweep(self) -> None:
        """Delete expired documents and forget idle cursors."""
        await self._put(self._sweep, None)

    async def close(self) -> None:
        """Finish what was submitted, write the log back into the file and close it."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _put(self, work: Callable[[], bytes], request: Request | None) -> bytes:
        future: asyncio.Future[bytes] = self._loop.create_future()
        self._jobs.put((work, request, future))
        return await future

    def _main(self) -> None:
        try:
            self._storage = Storage(self._path, self._synchronous)
        except (sqlite3.Error, CommandError) as error:
            self._loop.call_soon_threadsafe(self._opened.set_exception, error)
            return
        self._loop.call_soon_threadsafe(self._opened.set_result, None)
        running = True
        while running:
            batch = [self._jobs.get()]
            while len(batch) < _MAX_BATCH and not self._jobs.empty():
                batch.append(self._jobs.get())
            running = batch[-1] is not None
            self._perform([job for job in batch if job is not None])
        self._storage.close()

    def _perform(self, batch: list[Job]) -> None:
        sql = self._storage.sql
        try:
            sql.execute("BEGIN")
            answers: list[tuple[asyncio.Future[bytes], bytes]] = [(future, work()) for work, _, future in batch]
            sql.execute("COMMIT")
        except sqlite3.Error as error:
            log.error("transaction failed", extra={"error": str(error), "requests": len(batch)})
            self._undo()
            refusal = _storage_error(error)
            answers = [(future, write_reply(req, refusal.reply()) if req else b"") for _, req, future in batch]
        self._loop.call_soon_threadsafe(_deliver, answers)

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

    def _sweep(self) -> bytes:
        self._cursors.expire()
        now_ms = time.time_ns() // 1_000_000
        for collection in list(self._storage.collections.values()):
            for index in collection.indexes:
                if index.expire_after_s is not None:
                    writes.expire(collection, index, now_ms - index.expire_after_s * 1000)
        return b""


def _storage_error(error: sqlite3.Error) -> CommandError:
    if getattr(error, "sqlite_errorname", "") in _FULL:
        return CommandError(14031, f"the document store cannot write: {error}")
    return CommandError(8, f"the document store failed: {error}")


def _deliver(answers: list[tuple["asyncio.Future[bytes]", Any]]) -> None:
    for future, reply in answers:
        if not future.done():
            future.set_result(reply)
