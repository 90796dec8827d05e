"""Requests over a few kept connections, as fast as they are answered: how many a second, and how long each took.

The client does as little as it can, one write and one scan of the head for each request: it is not measured.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CONNECTIONS = 8


@dataclass(slots=True)
class Timed:
    """What a run of requests took."""

    seconds: float = 0.0
    latencies_s: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.latencies_s) / self.seconds

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) >= end + 4 + length and self._waiting is not None:
            answer = bytes(self._buffer[: end + 4 + length])
            self._buffer.clear()
            self._waiting.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionError("closed"))

    async def ask(self, request: bytes) -> bytes:
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)  # type: ignore[attr-defined]
        return await self._waiting


def request(method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: bench", "Accept: application/json"]
    head += [f"Authorization: Bearer {token}"] if token else []
    head += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


async def run(url: str, requests: Sequence[bytes], connections: int = CONNECTIONS) -> Timed:
    """Send all of them; an answer that is no success ends the run with an error."""
    place, waiting, timed = urlsplit(url), iter(requests), Timed()

    async def work() -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, place.hostname, place.port)
        for one in waiting:
            begin = time.perf_counter()
            answer = await connection.ask(one)
            timed.latencies_s.append(time.perf_counter() - begin)
            if answer[9:10] != b"2":
                raise RuntimeError(answer[:600].decode(errors="replace"))
        connection.transport.close()

    begin = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    timed.seconds = time.perf_counter() - begin
    return timed
