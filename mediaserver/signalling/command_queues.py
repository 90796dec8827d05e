"""Queues for client events that may take long: events in one queue run in order, other events do not wait for
them.

Queues are bounded; an event for a full queue is refused.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from mediaserver.base.errors import Unavailable
from mediaserver.signalling import messages as c
from mediaserver.signalling.socket_server import Answer

MAX_WAITING = 8

QueueName = Literal["media", "recording"]
QUEUES: dict[type[c.ClientMessage], QueueName] = {
    c.MediaNegotiate: "media",
    c.MediaSubscribe: "media",
    c.RecordingStart: "recording",
    c.RecordingStop: "recording",
}
"""The queues of events that wait for other processes, which may be slow or dead. All other events at most wait
for documents."""


class CommandQueue:
    """Runs commands of one client one after another. It owns their tasks until they are done."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Answer], None] = {}

    def put(self, work: Callable[[], Awaitable[Answer]]) -> asyncio.Task[Answer]:
        """Run `work` after the earlier commands. Raises: Unavailable("busy") when the queue is full."""
        if len(self._tasks) >= MAX_WAITING:
            raise Unavailable("busy", "Too many of these requests are waiting. Try again in a moment.")
        former = next(reversed(self._tasks), None)
        task = asyncio.create_task(_after(former, work))
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    def cancel(self) -> None:
        """Cancel the running command and drop those that wait."""
        for task in self._tasks:
            task.cancel()


async def _after(former: asyncio.Task[Answer] | None, work: Callable[[], Awaitable[Answer]]) -> Answer:
    if former is not None:
        await asyncio.wait([former])
    return await work()
