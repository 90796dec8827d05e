"""The control channel between the main process and its children: frames, and a channel that is fed with them."""

import asyncio
from typing import Any

from mediaserver.base.processes import channel
from tests.fuzz.target import Target

LOOP = asyncio.new_event_loop()


class Sink:
    """The writing end: counts, and closes."""

    def __init__(self) -> None:
        self.written = 0
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += len(data)

    def close(self) -> None:
        self.closed = True


def run(data: bytes) -> None:
    try:
        read = channel.read_frame(data)
    except channel.Malformed:
        pass
    else:
        assert isinstance(read, channel.Request | channel.Answer | channel.Event)
    LOOP.run_until_complete(fed(data))
    LOOP.run_until_complete(fed(len(data).to_bytes(4, "big") + data))


async def fed(data: bytes) -> None:
    """A channel ends in order, whatever it reads, and leaves nobody waiting."""
    reader, sink = asyncio.StreamReader(limit=channel.MAX_FRAME), Sink()
    reader.feed_data(data)
    reader.feed_eof()
    events: list[str] = []

    async def answer(op: str, body: dict[str, Any]) -> dict[str, Any]:
        return {"op": op, "size": len(body)}

    end = channel.Channel(reader, sink, answer, lambda name, _: events.append(name))  # type: ignore[arg-type]
    asking = asyncio.ensure_future(end.request("ping", {}))
    await asyncio.sleep(0)
    await end.run()
    assert sink.closed and end.closed
    await asyncio.wait([asking])
    assert asking.exception() is not None or isinstance(asking.result(), dict)


TARGET = Target(
    "channel",
    run,
    packages=("mediaserver.base.processes.channel",),
    words=(
        b'"id":1', b'"op":"', b'"body":{}', b'"event":"', b'"reply":{}', b"\0\0\0",
        b'"error":{"status":1,"code":"","detail":""}',
    ),
)  # fmt: skip
