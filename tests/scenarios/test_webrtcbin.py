"""GStreamer's webrtcbin, a client that shares no code with browsers, publishes to a real server."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mediaserver.media.net.addresses import announced
from tests.e2e.server import Server, wait_until
from tests.scenarios.room import Room

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

_SCRIPT = Path(__file__).parent.parent / "media" / "webrtcbin_publisher.py"
_DEBIAN_PYTHON = "/usr/bin/python3"
"""The one for which Debian packages the GStreamer bindings."""


class Webrtcbin:
    """A process with one webrtcbin."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.states: list[str] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls) -> AsyncIterator["Webrtcbin"]:
        process = await asyncio.create_subprocess_exec(
            _DEBIAN_PYTHON, str(_SCRIPT), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        one = cls(process)
        try:
            yield one
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()

    async def offer(self) -> str:
        assert self._process.stdout is not None
        while True:
            line = await asyncio.wait_for(self._process.stdout.readline(), 20)
            assert line, "webrtcbin ended; are its Debian packages installed (see APT in the Makefile)?"
            told = json.loads(line)
            if "offer" in told:
                return str(told["offer"])

    async def connect(self, answer: str) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"answer": answer}).encode() + b"\n")
        async with asyncio.timeout(20):
            while "connected" not in self.states:
                line = await self._process.stdout.readline()
                assert line, f"webrtcbin ended after {self.states}"
                self.states.append(json.loads(line).get("state", ""))
                assert "failed" not in self.states, self.states


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """One that is reached at an address of the machine: webrtcbin does not send to loopback addresses."""
    address = announced((), "0.0.0.0")[0]
    async with Server.running(tmp_path, {"media.ip": "0.0.0.0", "media.announced_ips": address}) as running:
        yield running


async def test_webrtcbin_connects_and_is_seen(server: Server, room: Room) -> None:
    moderator = await room.open(server.url)
    viewer = await room.enter()
    await room.publish(viewer)
    async with Webrtcbin.running() as client:
        offer = await client.offer()
        audio, video = re.findall(r"(?m)^a=mid:(\S+)", offer)
        tracks = {audio: {"source": "microphone"}, video: {"source": "camera"}}
        negotiated = {"generation": 1, "sdp": offer, "tracks": tracks}
        answer = await moderator.call("media.negotiate", negotiated)
        await client.connect(answer["sdp"])
        await room.watch(viewer, moderator)
        await wait_until(
            lambda: len(viewer.received) == 2 and all(one.packets > 40 for one in viewer.received.values()),
            15, "tone and picture go on",
        )  # fmt: skip
