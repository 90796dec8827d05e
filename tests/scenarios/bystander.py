"""What somebody who has nothing to do with an attack notices of it.

async with Bystander.beside(server) as bystander:
    quiet = await bystander.observe(2)
    attack = asyncio.create_task(...)
    attacked = await bystander.observe(3)
    attacked.assert_undisturbed(quiet)
"""

import asyncio
import contextlib
import json
import math
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.server import Server

HEALTH_P95_S = 0.1
_LEAST_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Observation:
    """Packets that the room sent and its viewer received; response times of `/healthz` and chat messages."""

    sent: int
    received: int
    health_s: Sequence[float]
    chat_s: Sequence[float]
    late_s: Sequence[float]
    """How late timers of the bystander's own process fired: what the machine made it wait for a core."""
    slowdown: float
    """How much longer than its CPU time the server's main process was runnable: 2 when it waited for a core half
    of that time. Tests share two cores with the attackers and with other tests."""

    @property
    def share(self) -> float:
        """The share of the sent packets that arrived."""
        return self.received / self.sent if self.sent else 0.0

    @property
    def health_p95_s(self) -> float:
        return _p95(self.health_s)

    def assert_undisturbed(self, quiet: "Observation") -> None:
        """At least 95% of the packets of the attack-free observation `quiet`; `/healthz` p95 under 100 ms.

        On a machine that needs longer without any attack, three times that time is the limit. What the server and
        the bystander had to wait for a core is no disturbance by the attack, so it comes on top.
        """
        assert quiet.sent > 100 and quiet.share > 0.5, f"the bystander's room does not work: {quiet}"
        assert self.share >= _LEAST_SHARE * quiet.share, f"{self.share:.3f} arrived, {quiet.share:.3f} before"
        limit_s = max(HEALTH_P95_S, 3 * quiet.health_p95_s) * self.slowdown + 2 * _p95(self.late_s)
        assert self.health_p95_s <= limit_s, f"/healthz p95 {self.health_p95_s:.3f} s, limit {limit_s:.3f} s"
        assert self.chat_s, "no chat message arrived"


def _scheduled_ns(pid: int) -> tuple[int, int]:
    """How long a process's main thread ran, and how long it was runnable and waited for a core."""
    ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return int(ran), int(waited)


def _p95(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * 0.95) - 1] if ordered else math.inf


class Bystander:
    """Two people who exchange media and chat in a room of their own, from an address of their own."""

    def __init__(self, process: asyncio.subprocess.Process, server: Server) -> None:
        self._process, self._server = process, server

    @classmethod
    @contextlib.asynccontextmanager
    async def beside(cls, server: Server) -> AsyncIterator["Bystander"]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.scenarios.bystander_process", server.url,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 22,
        )  # fmt: skip
        bystander = cls(process, server)
        try:
            assert await bystander._line() == "ready"
            yield bystander
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 20)
            except TimeoutError:
                process.kill()
                await process.wait()

    async def observe(self, seconds: float) -> Observation:
        """Watch for `seconds`; the caller's attack runs meanwhile in a task of its own."""
        assert self._process.stdin is not None
        pid = self._server.pid
        ran, waited = _scheduled_ns(pid)
        self._process.stdin.write(f"{seconds}\n".encode())
        seen = json.loads(await self._line())
        ran, waited = (after - before for after, before in zip(_scheduled_ns(pid), (ran, waited), strict=True))
        return Observation(**seen, slowdown=(ran + waited) / ran if ran else 1.0)

    async def _line(self) -> str:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 60)
        assert line, "the bystander's process ended"
        return line.decode().strip()


@contextlib.asynccontextmanager
async def within(seconds: float, server: Server) -> AsyncIterator[None]:
    """Fail if the block takes longer than `seconds`; waiting for a core does not count."""
    pids = (server.pid, os.getpid())
    waited_ns = [_scheduled_ns(pid)[1] for pid in pids]
    began = time.monotonic()
    async with asyncio.timeout(3 * seconds):
        yield
    took_s = time.monotonic() - began
    waited_s = max(_scheduled_ns(pid)[1] - before for pid, before in zip(pids, waited_ns, strict=True)) / 1e9
    assert took_s - waited_s <= seconds, f"{took_s:.1f} s, {waited_s:.1f} s of them without a core"


def resident_kib(pid: int) -> int:
    """A process's resident memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no such process")


def cpu_s(pid: int) -> float:
    """The CPU time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100
