"""A media worker process, and the SFU of one in this process."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mediaserver.media import messages as m
from mediaserver.media.control.client import MediaWorker, WorkerSettings
from mediaserver.media.control.sfu import Sfu
from mediaserver.media.net.certificate import ensure_certificate
from tests.media.peers import HOST, until


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dtls") / "dtls.pem"
    ensure_certificate(path)
    return path


class Worker(MediaWorker):
    """A real worker process that remembers its events."""

    def __init__(self, certificate: Path) -> None:
        settings = WorkerSettings(ip=HOST, certificate=certificate, log_level="warning")
        self.events: list[m.Event] = []
        self.resets = 0
        super().__init__(0, settings, lambda _, event: self.events.append(event), self._count_reset)

    def _count_reset(self, _worker: MediaWorker) -> None:
        self.resets += 1


@pytest.fixture
async def worker(certificate: Path) -> AsyncIterator[Worker]:
    worker = Worker(certificate)
    running = asyncio.create_task(worker.run())
    try:
        await asyncio.wait_for(worker.up.wait(), 10)
        yield worker
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class LocalWorker(Sfu):
    """The SFU in this process, with the handle's look; its insides are open to tests."""

    def __init__(self, told: m.Configure) -> None:
        self.events: list[m.Event] = []
        super().__init__(told, self.events.append)
        configured = self.configured()
        self.port, self.fingerprint = configured.port, configured.fingerprint


@pytest.fixture
async def sfu(certificate: Path) -> AsyncIterator[Any]:
    sfu = LocalWorker(m.Configure(ip=HOST, port=0, certificate=str(certificate)))
    try:
        yield sfu
    finally:
        await sfu.close()


__all__ = ["LocalWorker", "Worker", "until"]
