"""The bystander's own process: two people in a room of their own, and a client that asks for `/healthz`.

A process of its own, so that an attack which keeps the test's event loop busy does not distort what is measured.
It prints `ready`, then answers each line `SECONDS` on standard input with an `Observation` as one line of JSON.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from aiortc import RTCCertificate

from mediaserver.loadtest.bot import Bot
from mediaserver.loadtest.source import OpusClip, SyntheticVideo
from tests.scenarios.room import Room, events, say

_ADDRESS = "127.0.0.77"
_PROBE_S = 0.05
_CHAT_S = 0.5
_SETTLE_S = 0.5
_FAILED_S = 30.0


async def main(url: str) -> None:
    connector = aiohttp.TCPConnector(local_addr=(_ADDRESS, 0))
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as http:
        certificate = RTCCertificate.generateCertificate()
        room = Room(http, certificate)
        speaker = await room.open(url)
        viewer = await room.enter()
        await speaker.negotiate(certificate, [("camera", SyntheticVideo()), ("microphone", OpusClip())], 0, 0)
        await viewer.negotiate(certificate, [], 1, 1)
        async with _playing(speaker):
            await room.watch(viewer, speaker)
        print("ready", flush=True)
        try:
            while line := await asyncio.to_thread(sys.stdin.readline):
                print(json.dumps(await _observe(http, url, speaker, viewer, float(line))), flush=True)
        finally:
            await room.close()


async def _observe(http: aiohttp.ClientSession, url: str, speaker: Bot, viewer: Bot, seconds: float) -> Any:
    health, chat, late = [], [], []

    async def probe() -> None:
        """Ask once; a request that is still unanswered at the end counts with the time it took so far."""
        began = time.monotonic()
        answered = False
        try:
            async with http.get(f"{url}/healthz") as answer:
                answered = answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            pass
        finally:
            unanswered = asyncio.current_task().cancelling() > 0  # type: ignore[union-attr]
            health.append(time.monotonic() - began if answered or unanswered else _FAILED_S)

    async def probe_regularly() -> None:
        """Ask at fixed times, whether the last request was answered or not: a stall delays no measurement."""
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(probe())
                due = time.monotonic() + _PROBE_S
                await asyncio.sleep(_PROBE_S)
                late.append(time.monotonic() - due)

    async def talk() -> None:
        while True:
            began, heard = time.monotonic(), len(events(viewer, "chat.message"))
            await say(speaker, "hello")
            while len(events(viewer, "chat.message")) == heard:
                await asyncio.sleep(0.005)
            chat.append(time.monotonic() - began)
            await asyncio.sleep(_CHAT_S)

    def sent() -> int:
        return sum(stream.sent for stream in speaker.streams.values())

    def received() -> int:
        return sum(one.packets for one in viewer.received.values())

    before = sent(), received()
    async with _playing(speaker):
        tasks = [asyncio.create_task(probe_regularly()), asyncio.create_task(talk())]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await _settle(received, before[1] + sent() - before[0])
    return {
        "sent": sent() - before[0], "received": received() - before[1],
        "health_s": health, "chat_s": chat, "late_s": late,
    }  # fmt: skip


@contextlib.asynccontextmanager
async def _playing(speaker: Bot) -> AsyncIterator[None]:
    task = asyncio.create_task(speaker.play())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _settle(received: Callable[[], int], expected: int) -> None:
    """Wait until all packets have arrived, or no more come: those on their way are not lost."""
    quiet_since, last = time.monotonic(), received()
    while last < expected and time.monotonic() - quiet_since < _SETTLE_S:
        await asyncio.sleep(0.02)
        if (now := received()) != last:
            quiet_since, last = time.monotonic(), now


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
