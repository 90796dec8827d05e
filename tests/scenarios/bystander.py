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
import sys
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

    @property
    def share(self) -> float:
        """The share of the sent packets that arrived."""
        return self.received / self.sent if self.sent else 0.0

    @property
    def health_p95_s(self) -> float:
        ordered = sorted(self.health_s)
        return ordered[math.ceil(len(ordered) * 0.95) - 1] if ordered else math.inf

    def assert_undisturbed(self, quiet: "Observation") -> None:
        """At least 95% of the packets of the attack-free observation `quiet`; `/healthz` p95 under 100 ms.

        On a machine that needs longer without any attack, three times that time is the limit.
        """
        assert quiet.sent > 100 and quiet.share > 0.5, f"the bystander's room does not work: {quiet}"
        assert self.share >= _LEAST_SHARE * quiet.share, f"{self.share:.3f} arrived, {quiet.share:.3f} before"
        limit_s = max(HEALTH_P95_S, 3 * quiet.health_p95_s)
        assert self.health_p95_s <= limit_s, f"/healthz p95 {self.health_p95_s:.3f} s, limit {limit_s:.3f} s"
        assert self.chat_s, "no chat message arrived"


class Bystander:
    """Two people who exchange media and chat in a room of their own, from an address of their own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @contextlib.asynccontextmanager
    async def beside(cls, server: Server) -> AsyncIterator["Bystander"]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.scenarios.bystander_process", server.url,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 22,
        )  # fmt: skip
        bystander = cls(process)
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
        self._process.stdin.write(f"{seconds}\n".encode())
        return Observation(**json.loads(await self._line()))

    async def _line(self) -> str:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 60)
        assert line, "the bystander's process ended"
        return line.decode().strip()


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
