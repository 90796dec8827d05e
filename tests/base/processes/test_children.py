"""Child processes under a lack of descriptors: they are started once there are some again."""

import asyncio
from socket import socketpair

from mediaserver.base.processes.channel import Channel
from mediaserver.base.processes.children import Child
from tests.base.scarcity import no_descriptors_left


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
