"""The bystander's own process: two people in a room of their own, and a client that asks for `/healthz`.

A process of its own, so that an attack which keeps the test's event loop busy does not distort what is measured.
It prints `ready`, then answers each line `SECONDS` on standard input with an `Observation` as one line of JSON.
"""

import asyncio
import contextlib
import json
import sys
import time
from typing import Any

import aiohttp
from aiortc import RTCCertificate

from mediaserver.loadtest.source import OpusClip, SyntheticVideo
from tests.scenarios.room import Room, events, say

_ADDRESS = "127.0.0.77"
_PROBE_S = 0.05
_CHAT_S = 0.5


async def main(url: str) -> None:
    connector = aiohttp.TCPConnector(local_addr=(_ADDRESS, 0))
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as http:
        certificate = RTCCertificate.generateCertificate()
        room = Room(http, certificate)
        speaker = await room.open(url)
        viewer = await room.enter()
        await speaker.negotiate(certificate, [("camera", SyntheticVideo()), ("microphone", OpusClip())], 0, 0)
        playing = asyncio.create_task(speaker.play())
        await viewer.negotiate(certificate, [], 1, 1)
        await room.watch(viewer, speaker)
        print("ready", flush=True)
        try:
            while line := await asyncio.to_thread(sys.stdin.readline):
                print(json.dumps(await _observe(http, url, speaker, viewer, float(line))), flush=True)
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
            await room.close()


async def _observe(http: aiohttp.ClientSession, url: str, speaker: Any, viewer: Any, seconds: float) -> Any:
    health, chat = [], []

    async def probe() -> None:
        while True:
            began = time.monotonic()
            try:
                async with http.get(f"{url}/healthz") as answer:
                    health.append(time.monotonic() - began if answer.status == 200 else 30.0)
            except (aiohttp.ClientError, TimeoutError):
                health.append(30.0)
            await asyncio.sleep(_PROBE_S)

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
    tasks = [asyncio.create_task(probe()), asyncio.create_task(talk())]
    await asyncio.sleep(seconds)
    counts = sent() - before[0], received() - before[1]
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    return {"sent": counts[0], "received": counts[1], "health_s": health, "chat_s": chat}


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
