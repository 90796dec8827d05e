"""`asyncio.wait_for` as Python 3.12 has it, for 3.11 too.

That of 3.11 loses a cancellation which arrives in the moment that the awaited future ends (CPython gh-86296,
mended in 3.12 alone). PyMongo, redis-py and python-socketio write to their sockets with it: an endless task that
was cancelled while it spoke to a store went on for ever. docs/decisions/0019.
"""

import asyncio
import sys
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def wait_for(fut: Awaitable[T], timeout: float | None) -> T:
    """What `fut` gives. `timeout` in seconds, None for none: `fut` is cancelled and TimeoutError raised then.
    It runs in the caller's task."""
    if timeout is not None and timeout <= 0:
        future = asyncio.ensure_future(fut)
        if not future.done():
            future.cancel()
            await asyncio.wait([future])
        try:
            return future.result()
        except asyncio.CancelledError as error:
            raise TimeoutError from error
    async with asyncio.timeout(timeout):
        return await fut


def install() -> None:
    """Replace it for everyone; before the drivers are imported, since some take the name."""
    if sys.version_info < (3, 12):
        asyncio.wait_for = asyncio.tasks.wait_for = wait_for  # type: ignore[assignment]
