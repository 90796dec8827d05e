"""CPU per delivered chat message: one room of 1,000 Socket.IO clients, the main process of a whole server.

The clients are bare WebSocket readers in this process, so that they are not what is measured.
"""

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
import uvloop

from bench.processes import cpu_s
from tests.e2e.server import Server

CLIENTS = 1000
MESSAGES = 100
EVERY_S = 0.05
TEXT = "What was said in the lesson, at the length of a sentence that people write: about a hundred letters."
_CHAT = b'42["chat.message"'


class Reader(asyncio.Protocol):
    """A Socket.IO client over WebSocket (RFC 6455 section 5.2) that answers pings and counts chat messages."""

    def __init__(self, token: str, host: str) -> None:
        self._token, self._host = token, host
        self._buffer = bytearray()
        self._upgraded = False
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.messages = 0
        self.frame_size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:

        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class
        self.transport.write(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._upgraded, self._buffer = True, rest
        start, buffer = 0, self._buffer
        while (frame := _frame(buffer, start)) is not None:
            begin, start = frame
            self._take(buffer, begin, start)
        del buffer[:start]

    def _take(self, buffer: bytearray, begin: int, end: int) -> None:
        if buffer.startswith(_CHAT, begin):
            self.messages += 1
            self.frame_size = end - begin
            return
        if buffer.startswith(b"42", begin):
            return  # other events are not looked at
        text = bytes(buffer[begin:end]).decode()
        if text == "2":
            self._send("3")
        elif text.startswith("0"):
            self._send("40" + json.dumps({"token": self._token}))
        elif text.startswith("40"):
            self.connected.set_result(None)
        elif text.startswith("43"):
            number, _, rest = text[2:].partition("[")
            self._answers.pop(int(number)).set_result(json.loads("[" + rest)[0])

    def ask(self, event: str, data: Any) -> "asyncio.Future[Any]":
        number = len(self._answers) + 1
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._send(f"42{number}" + json.dumps([event, data]))
        return answer

    def _send(self, text: str) -> None:
        data = text.encode()
        size = bytes((0x80 | len(data),)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        self.transport.write(b"\x81" + size + bytes(4) + data)  # a mask of zeros


class Counter(asyncio.Protocol):
    """Counts bytes."""

    def __init__(self) -> None:
        self.received = 0

    def data_received(self, data: bytes) -> None:
        self.received += len(data)


def _frame(buffer: bytearray, start: int) -> tuple[int, int] | None:
    """Where the payload of the frame at `start` begins and ends; None while it is not whole."""
    if len(buffer) < start + 2:
        return None
    length = buffer[start + 1] & 0x7F
    begin = start + 2 + {126: 2, 127: 8}.get(length, 0)
    if len(buffer) >= begin > start + 2:
        length = int.from_bytes(buffer[start + 2 : begin], "big")
    return None if len(buffer) < begin + length else (begin, begin + length)


async def _wait(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def _room(url: str) -> list[Reader]:
    """Everyone signed up, connected and in one session; the first is its moderator."""
    few, loop = asyncio.Semaphore(16), asyncio.get_running_loop()
    place = urlsplit(url)
    async with aiohttp.ClientSession(url, raise_for_status=True) as http:

        async def sign_up(number: int) -> str:
            body = {"username": f"user{number}", "email": f"user{number}@example.org", "password": "long enough"}
            async with few, http.post("/api/v1/auth/register", json=body) as answer:
                return str((await answer.json())["accessToken"])

        tokens = await asyncio.gather(*(sign_up(number) for number in range(CLIENTS)))
        owner = {"Authorization": f"Bearer {tokens[0]}"}
        async with http.post("/api/v1/video-sessions", json={"title": "fan-out"}, headers=owner) as made:
            session = (await made.json())["id"]

    async def come_in(token: str) -> Reader:
        async with few:
            _, reader = await loop.create_connection(
                lambda: Reader(token, place.netloc), place.hostname, place.port
            )
            await reader.connected
            answer = await reader.ask("session.join", {"kind": "video", "sessionId": session})
            assert answer["ok"], answer
            return reader

    first = await come_in(tokens[0])
    return [first, *await asyncio.gather(*(come_in(token) for token in tokens[1:]))]


async def _server_us() -> tuple[float, int]:
    """CPU µs of the main process per delivery, and the size of a frame."""
    settings = {
            "rooms.capacity": str(CLIENTS), "log.level": "warning",
            "signalling.chat_per_s": "50", "signalling.chat_burst": str(MESSAGES),
        }  # fmt: skip
    with tempfile.TemporaryDirectory() as data:
        async with Server.running(Path(data), settings) as server:
            readers = await _room(server.url)
            await asyncio.sleep(2.0)
            before = cpu_s(server.pid)[server.pid]
            for number in range(MESSAGES):
                sent = {"clientId": str(number), "contentType": "Text", "content": TEXT}
                assert (await readers[0].ask("chat.send", sent))["ok"]
                await asyncio.sleep(EVERY_S)
            await _wait(lambda: all(reader.messages == MESSAGES for reader in readers))
            spent = cpu_s(server.pid)[server.pid] - before
            for reader in readers:
                reader.transport.close()
    return spent / (MESSAGES * CLIENTS) * 1e6, readers[0].frame_size


async def _bare_us(size: int) -> float:
    """The same of a process that does nothing but write."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.bare_writes", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin and process.stdout
    port, loop = int(await process.stdout.readline()), asyncio.get_running_loop()
    pairs = [await loop.create_connection(Counter, "127.0.0.1", port) for _ in range(CLIENTS)]
    await _wait(lambda: all(counter.received == 1 for _, counter in pairs))
    before = cpu_s(process.pid)[process.pid]
    for _ in range(MESSAGES):
        process.stdin.write(b"%d\n" % size)
        await asyncio.sleep(EVERY_S)
    await _wait(lambda: all(counter.received == 1 + MESSAGES * size for _, counter in pairs))
    spent = cpu_s(process.pid)[process.pid] - before
    for transport, _ in pairs:
        transport.close()
    process.stdin.close()
    await process.wait()
    return spent / (MESSAGES * CLIENTS) * 1e6


async def measure() -> tuple[float, float]:
    """CPU µs per delivery: of the server's main process, and of the bare loop."""
    server, size = await _server_us()
    return server, await _bare_us(size)


def main(runs: int = 3) -> str:
    taken = [uvloop.run(measure()) for _ in range(runs)]
    costs = sorted(server for server, _ in taken)
    bare = statistics.median(bare for _, bare in taken)
    middle = statistics.median(costs)
    return "\n".join(
        [
            "| clients | CPU µs/delivery (median, range) | bare transport.write µs | ratio |",
            "|---|---|---|---|",
            f"| {CLIENTS:,} | {middle:.1f} ({costs[0]:.1f}–{costs[-1]:.1f}) | {bare:.1f} | {middle / bare:.2f} |",
        ]
    )


if __name__ == "__main__":
    print(main(1))
