"""CPU per forwarded packet: a publisher of 240 packets/s of 1,100 bytes, 10 and 50 subscribers, whole server."""

import asyncio
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.processes import cpu_s, name
from bench.reference import microseconds_per_packet
from mediaserver.loadtest.run import Load, Report, run
from tests.e2e.server import Server


@dataclass(frozen=True, slots=True)
class Figures:
    subscribers: int
    report: Report
    us_per_packet: float
    """User + system of all server processes, divided by packets that reached subscribers."""
    shares: dict[str, float]
    """The same by process."""
    reference_us: float


async def measure(subscribers: int, seconds: float) -> Figures:
    with tempfile.TemporaryDirectory() as data:
        async with Server.running(Path(data), {"media.ip": "127.0.0.1", "log.level": "warning"}) as server:
            readings: list[dict[int, float]] = []
            references: list[float] = []

            async def reading() -> None:
                readings.append(cpu_s(server.pid))

            references.append(microseconds_per_packet())
            load = Load(server.url, publishers=1, subscribers=subscribers, seconds=seconds, synthetic=True)
            report = await run(load, reading)
            references.append(microseconds_per_packet())
            before, after = readings
            spent = {pid: cpu - before.get(pid, 0.0) for pid, cpu in after.items()}
            shares: dict[str, float] = {}
            for pid, cpu in spent.items():
                shares[name(pid)] = shares.get(name(pid), 0.0) + cpu / report.received * 1e6
    total = sum(spent.values()) / report.received * 1e6
    return Figures(subscribers, report, total, shares, statistics.mean(references))


def main(seconds: float = 20.0, runs: int = 3) -> str:
    lines = [
        "| subscribers | CPU µs/packet (median, range) | of these in the worker | reference µs | ratio | lost "
        "| added latency p50 | p99 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for subscribers in (10, 50):
        taken = [asyncio.run(measure(subscribers, seconds)) for _ in range(runs)]
        costs = sorted(figures.us_per_packet for figures in taken)
        middle = next(f for f in taken if f.us_per_packet == costs[len(costs) // 2])
        report = middle.report
        worker = middle.shares.get("mediaserver.media.control.worker", 0.0)
        lost = report.lost / max(1, report.received + report.lost)
        lines.append(
            f"| {subscribers} | {middle.us_per_packet:.1f} ({costs[0]:.1f}–{costs[-1]:.1f}) | {worker:.1f} "
            f"| {middle.reference_us:.2f} | {middle.us_per_packet / middle.reference_us:.2f} | {lost:.3%} "
            f"| {report.latency_p50_ms} ms | {report.latency_p99_ms} ms |"
        )
    return "\n".join(lines)
