"""A load test: publishers and subscribers in one session, measured from outside as clients see it."""

import asyncio
import contextlib
import logging
import secrets
import statistics
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import aiohttp
from aiortc import RTCCertificate

from mediaserver.loadtest.account import Refused
from mediaserver.loadtest.bot import Bot
from mediaserver.loadtest.source import OpusClip, SendTimes, Source, SyntheticVideo, Vp8Clip

log = logging.getLogger(__name__)

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
    """What subscribers received within the measured time; latency is from sending to receiving a video packet."""

    seconds: float
    sent: int
    received: int
    lost: int
    silent_slots: int
    """Slots that should carry video and got none."""
    latency_p50_ms: float | None
    """None when no video arrived."""
    latency_p99_ms: float | None
    left_behind: int = 0
    """Accounts and sessions of this run that could not be deleted; the log names them."""

    @property
    def is_good(self) -> bool:
        return self.received > 0 and not self.silent_slots and not self.left_behind

    def lines(self) -> str:
        return "\n".join(
            f"{name}: {'not measured' if value is None else value}" for name, value in asdict(self).items()
        )


Create = Callable[[list[str]], Awaitable[str]]
"""Creates accounts with these usernames and returns the password of all of them."""


async def run(
    load: Load, measured: Callable[[], Awaitable[None]] | None = None, create: Create | None = None
) -> Report:
    """Let bots join, let media flow, count for `seconds`; `measured` is awaited when counting begins and ends.

    Bots register over REST, or `create` makes their accounts: for servers where that is not enough to take part.

    What the run created is deleted at its end, however it ends: the session and the accounts.

    Raises: Refused, aiohttp.ClientError, TimeoutError when the server does not take the bots.
    """
    timeout = aiohttp.ClientTimeout(total=60)
    tag, left = secrets.token_hex(3), Leftovers()
    async with aiohttp.ClientSession(timeout=timeout) as http:
        sent_at = None if load.synthetic else SendTimes()
        number = load.publishers + load.subscribers
        bots = [Bot(http, load.url, f"bot-{tag}-{i}", sent_at) for i in range(number)]
        try:
            if create is None:
                await _gather(bots, Bot.sign_in)
            else:
                password = await create([bot.name for bot in bots])
                await _gather(bots, lambda bot: bot.log_in_first(password))
            async with contextlib.AsyncExitStack() as stack:
                for bot in bots:
                    stack.push_async_callback(bot.close)
                session_id = await bots[0].create_session("video", f"Load test {tag}")
                remove = partial(bots[0].remove_session, "video", session_id)
                stack.push_async_callback(left.try_to, remove, f"session {session_id}")
                report = await _measure(load, bots, session_id, measured)
        finally:
            made = [bot for bot in bots if bot.is_new]
            await _gather(made, lambda bot: left.try_to(bot.remove, f"account {bot.name}"))
    return replace(report, left_behind=left.count)


class Leftovers:
    """Counts and logs what could not be removed."""

    def __init__(self) -> None:
        self.count = 0

    async def try_to(self, remove: Callable[[], Awaitable[None]], what: str) -> None:
        """Await `remove()`; a failure is logged, so that the others are still removed."""
        try:
            await remove()
        except (Refused, aiohttp.ClientError, TimeoutError) as error:
            self.count += 1
            log.warning("%s was left behind", what, extra={"error": str(error) or type(error).__name__})


async def _measure(
    load: Load, bots: list[Bot], session_id: str, measured: Callable[[], Awaitable[None]] | None
) -> Report:
    """Let media flow between the bots and count it."""
    certificate = RTCCertificate.generateCertificate()
    publishers, subscribers = bots[: load.publishers], bots[load.publishers :]
    for number, bot in enumerate(publishers):
        await bot.join("video", session_id)
        await bot.negotiate(certificate, _sources(load, number), 0, 0)

    async def enter(bot: Bot) -> None:
        await bot.join("video", session_id)
        cameras = [track for track in bot.tracks.values() if track["kind"] == "video"]
        voices = [track for track in bot.tracks.values() if track["kind"] == "audio"]
        await bot.negotiate(certificate, [], len(voices), len(cameras))
        bindings = {f"v{i}": track["id"] for i, track in enumerate(cameras)}
        await bot.subscribe(bindings | {f"a{i}": track["id"] for i, track in enumerate(voices)})

    playing = [asyncio.create_task(bot.play()) for bot in publishers]
    try:
        await _gather(subscribers, enter)
        await _flowing(subscribers, load.publishers)
        return await _count(load, publishers, subscribers, measured)
    finally:
        await _end(playing)


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
    ages = sorted(age for got in receptions for age in got.ages_s)
    return Report(
        seconds=load.seconds,
        sent=sum(stream.sent for bot in publishers for stream in bot.streams.values()) - sent,
        received=sum(got.packets for got in receptions),
        lost=sum(got.lost for got in receptions),
        silent_slots=sum(max(0, load.publishers - len(bot.received)) for bot in subscribers),
        latency_p50_ms=round(statistics.median(ages) * 1000, 3) if ages else None,
        latency_p99_ms=round(ages[int(len(ages) * 0.99)] * 1000, 3) if ages else None,
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

    try:
        async with asyncio.TaskGroup() as group:
            for bot in bots:
                group.create_task(one(bot))
    except ExceptionGroup as several:  # one failure is enough to say why
        raise several.exceptions[0] from several


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
