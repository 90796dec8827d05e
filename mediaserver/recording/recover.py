"""Recovery at start: closes captures that were cut off, and corrects the documents that wait for them.

It runs once, before anything may be recorded. Afterwards no capture is left running, and `Jobs` finds what to
compose.
"""

import asyncio
import contextlib
import logging
from pathlib import Path

from mediaserver.base.errors import Conflict, NotFound
from mediaserver.recording.capture.capture import Capture, captures_in
from mediaserver.recording.capture.ledger import Ledger, Unfinished, moment

log = logging.getLogger(__name__)


async def recover(captures: Path, ledger: Ledger) -> None:
    """Close the captures that the last run of the server left open."""
    closed = await asyncio.to_thread(_close_all, captures)
    for one in await ledger.unfinished():
        with contextlib.suppress(NotFound, Conflict):  # finished or deleted meanwhile
            await _put_right(one, captures, ledger)
    if closed:
        log.warning("recordings were cut off and will be composed", extra={"recordings": closed})


async def _put_right(one: Unfinished, captures: Path, ledger: Ledger) -> None:
    capture = Capture.named(captures, one.recording)
    stopped, failed = await asyncio.to_thread(lambda: (capture.stopped(), capture.failed()))
    if failed:
        await ledger.failed(one.recording, failed.reason)
    elif stopped is None:
        await ledger.failed(one.recording, "nothing was captured")
    elif one.running:
        await ledger.stopped(one.recording, moment(stopped.stopped_ns))


def _close_all(captures: Path) -> list[str]:
    closed = []
    for capture in captures_in(captures):
        if capture.state() == "running":
            manifest = capture.manifest()
            started_ns = manifest.started_ns if manifest else 0
            capture.stop(max(started_ns, capture.last_sign()), "cut off")
            closed.append(capture.name)
    return closed
