"""Writes journals without waiting for the disk: records are collected in memory, and one thread writes them.

The waiting bytes of all journals together are bounded. Further records are dropped, and their number is written
to the journal as a mark as soon as there is room again. A journal that cannot be written is truncated to its
last whole record.
"""

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from mediaserver.recording.capture import journal
from mediaserver.recording.capture.journal import Header

MAX_PENDING: Final = 64 << 20
"""Most bytes that wait for the disk: some minutes of a few cameras, some seconds of many."""


T = TypeVar("T")


class JournalFile:
    """An open journal. `append` only collects records; `Disk` writes them."""

    def __init__(self, disk: "Disk", recording: str, track: str, path: Path, fd: int, size: int) -> None:
        self.recording, self.track, self.path = recording, track, path
        self.closing = False
        self.records = 0
        self._disk, self._fd, self._size = disk, fd, size
        self._pending: list[bytes] = []
        self._dropped = 0

    def append(self, kind: int, arrival_ns: int, data: bytes) -> None:
        self._add(arrival_ns, journal.encode(kind, arrival_ns, data))

    def mark(self, arrival_ns: int, **what: bool | int | str) -> None:
        self._add(arrival_ns, journal.encode_mark(arrival_ns, **what))

    def end(self, now_ns: int) -> None:
        """Note the end of the track; the next flush closes the file."""
        if not self.closing:
            self.append(journal.END, now_ns, b"")
            self.closing = True

    def _add(self, arrival_ns: int, record: bytes) -> None:
        if self.closing:
            return
        if self._disk.pending + len(record) > MAX_PENDING:
            self._dropped += 1
            self._disk.dropped += 1
            return
        if self._dropped:
            count, self._dropped = self._dropped, 0
            self._add(arrival_ns, journal.encode_mark(arrival_ns, overflow=count))
        self._pending.append(record)
        self._disk.pending += len(record)
        self.records += 1

    def take(self) -> bytes:
        """Return the waiting records (event loop)."""
        data = b"".join(self._pending)
        self._pending.clear()
        return data

    def write(self, data: bytes) -> None:
        """Append to the file (disk thread). Raises: OSError, after truncating a partial record."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            whole = self._size + _whole_records(data, len(data) - len(view))
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, whole)
            raise
        self._size += len(data)

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


class Disk:
    """The thread that writes, and the bytes that wait for it."""

    def __init__(self) -> None:
        self.pending = 0
        self.dropped = 0
        self.written: Counter[str] = Counter()
        """Bytes of journals by recording."""
        self._pool = ThreadPoolExecutor(1, "disk")

    async def open(self, path: Path, header: Header) -> JournalFile:
        """Create a journal; its header is on disk when this returns. Raises: OSError."""
        return await self.run(self._open, path, header)

    async def flush(self, files: Iterable[JournalFile], sync: bool) -> dict[JournalFile, OSError | None]:
        """Write all waiting records; return the files closed by this, with the errors of those that failed."""
        work = [(file, file.take(), file.closing) for file in files]
        size = sum(len(data) for _, data, _ in work)
        closed = await self.run(_write_all, work, sync)
        self.pending -= size
        for file, data, _ in work:
            self.written[file.recording] += len(data)
        return closed

    def forget(self, but: Container[str]) -> None:
        """Keep the counters of these recordings only."""
        for recording in [recording for recording in self.written if recording not in but]:
            del self.written[recording]

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run disk work in the thread, in order with all other disk work."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    def stop(self) -> None:
        self._pool.shutdown()

    def _open(self, path: Path, header: Header) -> JournalFile:
        beginning = journal.encode_header(header)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        file = JournalFile(self, header.recording, header.track, path, fd, 0)
        try:
            file.write(beginning)
        except OSError:
            file.close()
            raise
        return file


def _write_all(work: list[tuple[JournalFile, bytes, bool]], sync: bool) -> dict[JournalFile, OSError | None]:
    closed: dict[JournalFile, OSError | None] = {}
    for file, data, closing in work:
        if closing:
            closed[file] = None
        try:
            file.write(data)
            if sync or closing:
                file.sync()
        except OSError as error:
            closed[file] = error
        if file in closed:
            file.close()
    return closed


def _whole_records(data: bytes, written: int) -> int:
    """Return how many of the first `written` bytes are whole records."""
    end = 0
    while end + journal.OVERHEAD <= written:
        after = end + journal.OVERHEAD + int.from_bytes(data[end : end + 4], "big")
        if after > written:
            break
        end = after
    return end


def now_ns() -> int:
    """Return CLOCK_REALTIME, the clock by which media workers stamp arrivals."""
    return time.time_ns()
