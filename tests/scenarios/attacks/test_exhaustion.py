"""Strangers who take connections and memory and give nothing back; nobody else notices."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from mediaserver.base.processes.descriptors import raise_limit
from tests.e2e.server import EGRESS, Person, Server, wait_until
from tests.scenarios.bystander import Bystander, resident_kib
from tests.scenarios.few_descriptors import LIMIT

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

ATTACKER, NEIGHBOUR = "127.0.0.3", "127.0.0.4"
MOST_GROWN_KIB = 96 << 10
"""Of the main process: what is counted is 16 MiB, the rest is what reading, parsing and the allocator need."""
HALF_A_HEAD = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nX-Slow: "


class Flood:
    """Keeps `count` connections from one address open that have each sent `request`, and opens them anew."""

    def __init__(self, server: Server, count: int, request: Sequence[bytes], address: str = ATTACKER) -> None:
        self._server, self._request, self._address = server, request, address
        self.opened = self.ended = 0
        self._tasks = [asyncio.create_task(self._hold()) for _ in range(count)]

    async def _hold(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self._server.port, local_addr=(self._address, 0)
                )
                self.opened += 1
                try:
                    for part in self._request:
                        writer.write(part)
                        await writer.drain()
                    while await reader.read(1 << 16):
                        pass
                finally:
                    self.ended += 1
                    writer.close()
            await asyncio.sleep(2)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def flooding(
    server: Server, count: int, request: Sequence[bytes], address: str = ATTACKER
) -> AsyncIterator[Flood]:
    flood = Flood(server, count, request, address)
    try:
        await wait_until(lambda: flood.opened >= count, 20, "the attack runs")
        yield flood
    finally:
        await flood.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def impatient(tmp_path: Path) -> AsyncIterator[Server]:
    """A server with a deadline for bodies that a test can wait for: a second, and 20 bytes a second."""
    settings = {"http.body_patience_s": "1", "http.body_min_bytes_per_s": "20"}
    async with Server.running(tmp_path / "data", settings) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def small(tmp_path: Path) -> AsyncIterator[Server]:
    """A server that may open 1,024 files, with deadlines that a test can wait for."""
    raise_limit()  # the attacker needs many descriptors, too
    settings = {"http.header_timeout_s": "3"}
    async with Server.running(tmp_path / "data", settings, module="tests.scenarios.few_descriptors") as running:
        yield running


async def test_half_heads_take_no_connection_from_others(small: Server, http: aiohttp.ClientSession) -> None:
    ada = await Person.register(http, small.url, "ada")
    async with Bystander.beside(small) as bystander:
        quiet = await bystander.observe(2)
        async with flooding(small, 1100, [HALF_A_HEAD]) as flood:
            observing = asyncio.create_task(bystander.observe(4))
            egress = small.kill_child(EGRESS)
            for address in (ATTACKER, NEIGHBOUR):
                await _sign_in(small, address, ada)
            await wait_until(lambda: _restarted(small, egress), 20, "there are descriptors for a child")
            attacked = await observing
            assert len(list(Path(f"/proc/{small.pid}/fd").iterdir())) < LIMIT - 100
            assert flood.ended > 500, "they do not stay"
    attacked.assert_undisturbed(quiet)


async def test_stalled_bodies_keep_no_memory(impatient: Server, http: aiohttp.ClientSession) -> None:
    """Bodies that are too large, of unknown length, and as large as may be; then silence."""
    server, ada = impatient, await Person.register(http, impatient.url, "ada")
    head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    half = b" " * (1 << 19)
    attacks = {
        "declared": [head + b"Content-Length: 2000000\r\n\r\n", half, half],
        "chunked": [head + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n", half, half],
        "small": [head + b"Content-Length: 8192\r\n\r\n" + b" " * 8191],
        "unread": [head.replace(b"login", b"nothing") + b"Content-Length: 2000000\r\n\r\n", half, half],
        "ahead": [b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + HALF_A_HEAD + b"x" * 8000] * 10,
    }
    async with Bystander.beside(server) as bystander:
        quiet = await bystander.observe(2)
        before_kib = resident_kib(server.pid)
        for name, request in attacks.items():
            async with flooding(server, 200, request):
                observing = asyncio.create_task(bystander.observe(2))
                await _sign_in(server, NEIGHBOUR, ada, slowly=True)
                (await observing).assert_undisturbed(quiet)
                grown_kib = resident_kib(server.pid) - before_kib
                assert grown_kib < MOST_GROWN_KIB, f"{name}: {grown_kib} KiB more"


def _restarted(server: Server, former: int) -> bool:
    return any(pid != former for pid in server.children(EGRESS))


async def _sign_in(server: Server, address: str, person: Person, slowly: bool = False) -> None:
    """Sign in from `address` on a new connection; `slowly`: at some 100 bytes a second."""
    name = person.user["username"]
    body = json.dumps({"login": name, "password": f"{name}-password"}).encode().ljust(200)
    head = (
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0))
        pieces = [head, *(body[at : at + 16] for at in range(0, len(body), 16))] if slowly else [head + body]
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.15 if slowly else 0)
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:300]
