"""One address keeps hundreds of connections busy with requests that need no sign-in; others notice little."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from mediaserver.base.processes.descriptors import raise_limit
from mediaserver.base.settings.tree import Limits
from tests.e2e.server import Server
from tests.scenarios.bystander import Bystander

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

_CONNECTIONS = 400


async def test_a_flood_of_requests_delays_only_its_own_address(tmp_path: Path) -> None:
    raise_limit()
    limit = {"limits.anonymous_per_minute": str(Limits().anonymous_per_minute)}
    async with Server.running(tmp_path / "data", limit) as server, Bystander.beside(server) as bystander:
        quiet = await bystander.observe(2)
        for path in ("/metrics", "/api/v1/auth/me"):
            end = time.monotonic() + 4
            flood = [asyncio.create_task(_ask(server.port, path, end)) for _ in range(_CONNECTIONS)]
            attacked = await bystander.observe(3)
            answered = sum(await asyncio.gather(*flood))
            assert answered > _CONNECTIONS, "the flood is answered, too"
            attacked.assert_undisturbed(quiet)


async def _ask(port: int, path: str, end: float) -> int:
    """Send one request after the other until `end`; return how many were answered."""
    answered = 0
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.9", 0))
        try:
            while time.monotonic() < end:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                answered += 1
        finally:
            writer.close()
    return answered
