"""`make bench`: takes all figures and writes them to bench/results.md with the machine that made them."""

import os
import platform
import sys
from datetime import date
from pathlib import Path

from bench import fanout, forwarding, rest

RESULTS = Path(__file__).parent / "results.md"
SOAK = "## Soak"


def machine() -> str:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release()}, Python {platform.python_version()}"


def main() -> None:
    text = f"""# Figures

Made by `make bench` on {date.today()}: {machine()}. Shared machines are noisy: read ratios, not microseconds.

## Forwarding

One publisher of 240 packets/s of 1,100 bytes (frames of 8 packets spread over 40% of the frame time), subscribers
that speak the public protocol. CPU is user + system of all server processes divided by packets received by
subscribers; the reference is a bare loop of libsrtp and sendmsg in the same run (bench/reference.py).
Latency is from the publisher's send call to the subscriber's receive callback, both in the bots' process.

{forwarding.main()}

## Fan-out

One chat message to {fanout.CLIENTS:,} Socket.IO clients in one room: user + system of the main process, all that
a message costs included (its storing too), divided by deliveries, beside a process that only writes a ready frame
to as many connections (bench/bare_writes.py).

{fanout.main()}

## REST

Embedded documents; {rest.AUTHORS:,} people, of whom the reader follows {rest.FOLLOWED:,}; tweets are bulk-loaded.
Eight connections ask as fast as they are answered. Each row is the median of pairs taken in turn, of the whole
server and of bare aiohttp and PyMongo handlers (bench/bare_rest.py) that ask the same of the same document
server. What the whole server answers is checked, limited, tagged and described; a new tweet is settled
(docs/decisions/0015-settling.md) where the bare handler inserts. CPU includes the document server's.

{rest.main()}
"""
    sys.stdout.write(text)
    RESULTS.write_text(text + _written_by_hand())


def _written_by_hand() -> str:
    """What stands in the file from the soak's section on; no run of the benchmarks touches it."""
    found = RESULTS.read_text() if RESULTS.exists() else ""
    start = found.find(SOAK)
    return "" if start < 0 else f"\n{found[start:]}"


main()
