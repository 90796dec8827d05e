"""The framing of the control channel: what is a frame, and what ends the channel."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from mediaserver.base.processes.channel import (
    MAX_FRAME,
    Answer,
    Channel,
    ChannelClosed,
    Event,
    Malformed,
    Request,
    frame_length,
    read_frame,
    write_frame,
)


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Channel, socket.socket]]:
    """A channel and the bare socket of its peer."""
    ours, theirs = socket.socketpair()
    channel = await Channel.open(ours)
    yield channel, theirs
    channel.close()
    theirs.close()


def test_frames_are_read_as_what_they_are() -> None:
    assert read_frame(b'{"id":1,"op":"open","body":{"a":1}}') == Request(1, "open", {"a": 1})
    assert read_frame(b'{"event":"stats","body":{}}') == Event("stats", {})
    assert read_frame(b'{"id":1,"reply":{}}') == Answer(1, {}, None)
    error = {"status": 409, "code": "busy", "detail": "later"}
    assert read_frame(write_frame({"id": 1, "error": error})[4:]) == Answer(1, None, error)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"null", b"{", b"\xff", b"{}",
        b'{"id":1}', b'{"id":"1","reply":{}}', b'{"event":1,"body":{}}',
        b'{"id":1,"op":"open"}', b'{"id":1,"reply":[]}', b'{"id":1,"error":{"status":1}}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_other_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        read_frame(data)


def test_length_beyond_the_limit_is_malformed() -> None:
    assert frame_length(struct.pack("!I", MAX_FRAME)) == MAX_FRAME
    with pytest.raises(Malformed):
        frame_length(struct.pack("!I", MAX_FRAME + 1))


@pytest.mark.parametrize(
    "sent", [b"\xff\xff\xff\xff", b"\0\0\0\2[]", b"\0\0\0\1{", write_frame({"id": 1, "op": "x", "body": {}})]
)
async def test_malformed_frame_closes_the_channel_and_fails_what_waits(
    ends: tuple[Channel, socket.socket], sent: bytes
) -> None:
    channel, peer = ends
    waiting = asyncio.ensure_future(channel.request("ping", {}))
    await asyncio.sleep(0)
    peer.sendall(sent)
    async with asyncio.timeout(5):
        await channel.run()
        with pytest.raises(ChannelClosed):
            await waiting
    assert channel.closed
