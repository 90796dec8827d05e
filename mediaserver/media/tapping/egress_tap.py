"""Sends copies of recorded tracks' packets to the egress process over a Unix stream socket.

It never blocks and its memory is bounded: while egress reads too slowly or is down, new records are dropped and
counted. Once the waiting ones are sent, each tap gets an overflow mark and a keyframe is requested from its
publisher.
"""

import asyncio
import logging
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from mediaserver.media.tapping import framing

log = logging.getLogger(__name__)

MAX_BYTES: Final = 8 << 20
MAX_AGE_S: Final = 2.0
_HEADERS: Final = framing.BATCH_HEADER.size + framing.RECORD_HEADER.size
_BATCH_BYTES: Final = 64 << 10
_RECONNECT_S: Final = 0.5


class TapSocket:
    """The connection to an egress process (one socket path), shared by all its taps. It reconnects by itself."""

    def __init__(self, path: str, on_gap: Callable[[int], None]) -> None:
        self._path, self._on_gap = path, on_gap
        self._sock: socket.socket | None = None
        self._next_attempt = 0.0
        self._records: list[bytes] = []
        self._records_bytes = 0
        self._batches: deque[tuple[float, bytes]] = deque()
        self._batches_bytes = 0
        self._sent = 0
        """Bytes of the first batch that were sent."""
        self._writing = False
        self._full = False
        """Whether new records are dropped until the waiting ones are sent."""
        self._lost: Counter[int] = Counter()
        self.overflowed = 0

    def write(self, tap: int, kind: int, arrival_ns: int, data: bytes) -> None:
        """Queue a record; it is sent with the next `flush`, or when a batch is full."""
        if self._full or self._batches_bytes + self._records_bytes + len(data) + _HEADERS > MAX_BYTES:
            self._full = True
            self._lost[tap] += 1
            self.overflowed += 1
            return
        record = framing.encode_record(tap, kind, arrival_ns, data)
        self._records.append(record)
        self._records_bytes += len(record)
        if self._records_bytes > _BATCH_BYTES:
            self._close_batch(time.monotonic())

    def flush(self, now: float) -> None:
        """Send waiting records; called every few milliseconds with the monotonic time."""
        if self._records:
            self._close_batch(now)
        if self._sock is None and now >= self._next_attempt:
            self._connect(now)
        if self._sock is not None and not self._writing:
            self._send()
        self._judge_age(now)

    def close(self) -> None:
        self._disconnect()

    def _close_batch(self, now: float) -> None:
        batch = framing.encode_batch(self._records)
        self._records, self._records_bytes = [], 0
        self._batches.append((now, batch))
        self._batches_bytes += len(batch)

    def _judge_age(self, now: float) -> None:
        if self._batches and now - self._batches[0][0] > MAX_AGE_S:
            self._full = True
        elif self._full and not self._batches:
            self._full = False
            self._mark_overflow()

    def _mark_overflow(self) -> None:
        now_ns = time.time_ns()
        lost, self._lost = self._lost, Counter()
        for tap, count in lost.items():
            mark = framing.encode_overflow(tap, now_ns, count)
            self._records.append(mark)
            self._records_bytes += len(mark)
            self._on_gap(tap)
        if lost:
            log.warning("egress read too slowly", extra={"records_lost": lost.total()})

    def _connect(self, now: float) -> None:
        self._next_attempt = now + _RECONNECT_S
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(self._path)
        except OSError:  # egress is not running (yet); the connection is retried
            sock.close()
            return
        self._sock, self._sent = sock, 0  # a batch that was partly sent on the old connection is sent again

    def _disconnect(self) -> None:
        if self._sock is not None:
            self._stop_writing()
            self._sock.close()
            self._sock = None

    def _send(self) -> None:
        assert self._sock is not None
        while self._batches:
            _, batch = self._batches[0]
            try:
                self._sent += self._sock.send(memoryview(batch)[self._sent :])
            except BlockingIOError:
                if not self._writing:
                    asyncio.get_running_loop().add_writer(self._sock.fileno(), self._send)
                    self._writing = True
                return
            except OSError:
                self._disconnect()
                return
            if self._sent == len(batch):
                self._batches.popleft()
                self._batches_bytes -= len(batch)
                self._sent = 0
        self._stop_writing()

    def _stop_writing(self) -> None:
        if self._writing and self._sock is not None:
            asyncio.get_running_loop().remove_writer(self._sock.fileno())
        self._writing = False


class Taps:
    """All taps of a worker, by socket path. `on_gap` is called with each tap whose records were dropped."""

    def __init__(self, on_gap: Callable[[int], None]) -> None:
        self._on_gap = on_gap
        self._sockets: dict[str, TapSocket] = {}
        self._users: Counter[str] = Counter()

    def open(self, path: str) -> TapSocket:
        """Return the socket for one more tap; release it with `close`."""
        self._users[path] += 1
        if path not in self._sockets:
            self._sockets[path] = TapSocket(path, self._on_gap)
        return self._sockets[path]

    def close(self, path: str) -> None:
        self._users[path] -= 1
        if not self._users[path]:
            del self._users[path]
            last = self._sockets.pop(path)
            last.flush(time.monotonic())
            last.close()

    def flush(self, now: float) -> None:
        for one in self._sockets.values():
            one.flush(now)

    def close_all(self) -> None:
        for one in self._sockets.values():
            one.close()

    @property
    def overflowed(self) -> int:
        return sum(one.overflowed for one in self._sockets.values())
