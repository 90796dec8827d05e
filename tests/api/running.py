"""A whole server for tests that are not asynchronous."""

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.server import Server

PASSWORD = "correct horse"
API = "/api/v1"


@contextlib.contextmanager
def running(data: Path, admin: str, settings: dict[str, str]) -> Iterator[str]:
    """The URL of a server that runs in processes of its own as long as the block; `admin` can sign in."""
    create = [sys.executable, "-m", "mediaserver", "create-user", admin, f"{admin}@example.org"]
    subprocess.run(
        [*create, "--role", "admin", "--password", PASSWORD, "--data.dir", str(data)], check=True, timeout=60
    )
    ready, over, url = threading.Event(), asyncio.Event(), ""
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        nonlocal url
        async with Server.running(data, settings) as server:
            url = server.url
            ready.set()
            await over.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        ready.wait()
        assert url, "the server does not start"
        yield url
    finally:
        with contextlib.suppress(RuntimeError):  # it ended by itself
            loop.call_soon_threadsafe(over.set)
        thread.join()
