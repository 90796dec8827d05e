"""A load test: publishers and subscribers in one session, measured from outside as clients see it."""

import asyncio
import contextlib
import secrets
import statistics
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp
from aiortc import RTCCertificate

from mediaserver.loadtest.bot import Bot
from mediaserver.loadtest.source import OpusClip, Source, SyntheticVideo, Vp8Clip

_JOINING_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Load:
    url: str
    publishers: int = 1
    subscribers: int = 10
    seconds: float = 10.0
    synthetic: bool = False
    """240 packets/s of 1,100 bytes in frames of 8 a publisher, instead of a real picture and tone."""


@dataclass(frozen=True, slots=True)
class Report:
    """What subscribers got within the measured time; ages are from sending to receiving, by one clock."""

    seconds: float
    sent: int
    received: int
    lost: int
    silent_slots: int
    """Slots that should carry video and got none."""
    age_p50_ms: float | None
    age_p99_ms: float | None

    def lines(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in asdict(self).items())


async def run(load: Load, measured: Callable[[], Awaitable[None]] | None = None) -> Report:
    """Join all, let media flow, count for `seconds`; `measured` is awaited when counting begins and ends."""
    timeout = aiohttp.ClientTimeout(total=60)
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        certificate = RTCCertificate.generateCertificate()
        tag = secrets.token_hex(3)
        bots = [Bot(http, load.url, f"bot-{tag}-{i}") for i in range(load.publishers + load.subscribers)]
        for bot in bots:
            stack.push_async_callback(bot.close)
        publishers, subscribers = bots[: load.publishers], bots[load.publishers :]
        await _gather(bots, Bot.sign_in)
        session_id = await bots[0].create_session("video", f"Load test {tag}")
        for number, bot in enumerate(publishers):
            await bot.join("video", session_id)
            await bot.negotiate(certificate, _sources(load, number), 0, 0)
        playing = [asyncio.create_task(bot.play()) for bot in publishers]
        stack.push_async_callback(_end, playing)

        async def enter(bot: Bot) -> None:
            await bot.join("video", session_id)
            cameras = [track for track in bot.tracks.values() if track["kind"] == "video"]
            voices = [track for track in bot.tracks.values() if track["kind"] == "audio"]
            await bot.negotiate(certificate, [], len(voices), len(cameras))
            bindings = {f"v{i}": track["id"] for i, track in enumerate(cameras)}
            await bot.subscribe(bindings | {f"a{i}": track["id"] for i, track in enumerate(voices)})

        await _gather(subscribers, enter)
        await _flowing(subscribers, load.publishers)
        return await _count(load, publishers, subscribers, measured)


async def _count(
    load: Load, publishers: list[Bot], subscribers: list[Bot], measured: Callable[[], Awaitable[None]] | None
) -> Report:
    sent = sum(stream.sent for bot in publishers for stream in bot.streams.values())
    for bot in subscribers:
        bot.received.clear()
    if measured:
        await measured()
    await asyncio.sleep(load.seconds)
    if measured:
        await measured()
    receptions = [got for bot in subscribers for got in bot.received.values()]
    ages = sorted(age for got in receptions for age in got.ages_s) if load.synthetic else []
    return Report(
        seconds=load.seconds,
        sent=sum(stream.sent for bot in publishers for stream in bot.streams.values()) - sent,
        received=sum(got.packets for got in receptions),
        lost=sum(got.lost for got in receptions),
        silent_slots=sum(max(0, load.publishers - len(bot.received)) for bot in subscribers),
        age_p50_ms=round(statistics.median(ages) * 1000, 3) if ages else None,
        age_p99_ms=round(ages[int(len(ages) * 0.99)] * 1000, 3) if ages else None,
    )


def _sources(load: Load, number: int) -> list[tuple[str, Source]]:
    if load.synthetic:
        return [("camera", SyntheticVideo())]
    return [("camera", Vp8Clip(number)), ("microphone", OpusClip(300 + 60 * number))]


async def _flowing(subscribers: list[Bot], publishers: int, timeout_s: float = 20) -> None:
    """Until every subscriber gets every publisher; after the time goes on all the same, and the report tells."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while any(len(bot.received) < publishers for bot in subscribers):
                await asyncio.sleep(0.1)


async def _gather(bots: list[Bot], action: Callable[[Bot], Awaitable[Any]]) -> None:
    places = asyncio.Semaphore(_JOINING_AT_ONCE)

    async def one(bot: Bot) -> None:
        async with places:
            await action(bot)

    async with asyncio.TaskGroup() as group:
        for bot in bots:
            group.create_task(one(bot))


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
