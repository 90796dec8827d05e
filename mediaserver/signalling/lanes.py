"""A client's events that may take long, each kind in its own lane: in order there, beside all other events.

A lane has a bound; what is put into a full one is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from mediaserver.base.errors import Unavailable
from mediaserver.signalling import messages as c
from mediaserver.signalling.socket_server import Answer

MAX_WAITING = 8

LaneName = Literal["media", "recording"]
LANES: dict[type[c.ClientMessage], LaneName] = {
    c.MediaNegotiate: "media",
    c.MediaSubscribe: "media",
    c.RecordingStart: "recording",
    c.RecordingStop: "recording",
}
"""They wait for other processes, which may be slow or dead. All others wait for documents at most."""


class Lane:
    """One after another. It owns its tasks until they are done."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Answer], None] = {}

    def put(self, work: Callable[[], Awaitable[Answer]]) -> asyncio.Task[Answer]:
        """Do `work` after what was put before. Unavailable `busy`."""
        if len(self._tasks) >= MAX_WAITING:
            raise Unavailable("busy", "too much of this is waiting already")
        former = next(reversed(self._tasks), None)
        task = asyncio.create_task(_after(former, work))
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    def cancel(self) -> None:
        """Give up what is under way and what waits."""
        for task in self._tasks:
            task.cancel()


async def _after(former: asyncio.Task[Answer] | None, work: Callable[[], Awaitable[Answer]]) -> Answer:
    if former is not None:
        await asyncio.wait([former])
    return await work()
