"""Child processes under a lack of descriptors: they are started once there are some again."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import socket, socketpair

from mediaserver.base.channel import Channel
from mediaserver.base.children import Child


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    """Lower the soft limit to what is open already and fill the holes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    fillers: list[socket] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
        with suppress(OSError):
            while True:
                fillers.append(socket())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            filler.close()


async def test_a_child_that_cannot_be_started_is_tried_again() -> None:
    up = asyncio.Event()

    async def on_up(channel: Channel) -> None:
        up.set()

    child = Child("echo", "tests.base.echo_child", lambda name, body: None, on_up, lambda: None)
    with no_descriptors_left():
        running = asyncio.create_task(child.run())
        await asyncio.wait([running], timeout=0.1)
        assert not running.done(), running
        assert not up.is_set()
        assert child.restarts == 0
    await asyncio.wait_for(up.wait(), 20)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_an_event_handler_that_fails_does_not_end_the_channel() -> None:
    seen: list[str] = []

    def on_event(name: str, body: object) -> None:
        seen.append(name)
        if name == "bad":
            raise KeyError(name)

    ours, theirs = socketpair()
    here = await Channel.open(ours, on_event=on_event)
    there = await Channel.open(theirs)
    reading = asyncio.create_task(here.run())
    for name in ("bad", "good"):
        there.event(name, {})
    async with asyncio.timeout(5):
        while seen != ["bad", "good"]:
            await asyncio.sleep(0.01)
    assert not reading.done()
    there.close()
    await reading
