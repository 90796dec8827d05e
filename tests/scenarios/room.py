"""One video session and the bots in it: what scenarios say about people, in the words of the protocol."""

import asyncio
import itertools
import secrets
from typing import Any

import aiohttp
from aiortc import RTCCertificate

from mediaserver.loadtest.account import Refused
from mediaserver.loadtest.bot import Bot
from mediaserver.loadtest.source import OpusClip, Source, Vp8Clip
from tests.e2e.server import wait_until

_serial = itertools.count()


class Room:
    """Use: `open`, then `enter` for each further person."""

    def __init__(self, http: aiohttp.ClientSession, certificate: RTCCertificate) -> None:
        self.http, self._certificate = http, certificate
        self.url = ""
        self.session_id = ""
        self.bots: list[Bot] = []
        self._playing: list[asyncio.Task[None]] = []

    async def open(self, url: str) -> Bot:
        """Make a session; its moderator is in it."""
        self.url = url
        moderator = await self.person(url)
        self.session_id = await moderator.create_session("video", "Scenario")
        await moderator.join("video", self.session_id)
        return moderator

    async def person(self, url: str | None = None, name: str | None = None) -> Bot:
        """Somebody who is signed in and nowhere yet."""
        name = name or f"bot-{secrets.token_hex(3)}-{next(_serial)}"
        bot = Bot(self.http, url or self.url, name)
        self.bots.append(bot)
        await bot.sign_in()
        return bot

    async def enter(self) -> Bot:
        bot = await self.person()
        await bot.join("video", self.session_id)
        return bot

    async def again(self, former: Bot) -> Bot:
        """The same person with a new connection, as a client does after a lost one."""
        await former.close()
        self.bots.remove(former)
        bot = Bot(self.http, self.url, former.name)
        self.bots.append(bot)
        bot.token = former.token
        await bot.join("video", self.session_id)
        return bot

    async def publish(self, bot: Bot, hue: int = 0, video: bool = True, generation: int = 1) -> None:
        """Microphone and, unless told otherwise, camera; sent until the end of the scenario."""
        sources: list[tuple[str, Source]] = [("microphone", OpusClip(300 + 60 * hue))]
        if video:
            # In a thread: encoding takes a while, and the bots' connections want to be answered meanwhile.
            sources.append(("camera", await asyncio.to_thread(Vp8Clip, hue, frames=30)))
        await bot.negotiate(self._certificate, sources, 1, 1, generation)
        self._playing.append(asyncio.create_task(bot.play()))

    async def watch(self, bot: Bot, publisher: Bot) -> None:
        """Subscribe the publisher's tracks and wait for media of each."""
        theirs = {
            track["kind"]: track["id"]
            for track in bot.tracks.values()
            if track["participantId"] == publisher.participant_id
        }
        mids = {"audio": "a0", "video": "v0"}
        bot.received.clear()
        await bot.subscribe({mids[kind]: track for kind, track in theirs.items()})
        await wait_until(lambda: len(bot.received) == len(theirs), 10, f"{bot.name} has media")

    async def silence(self) -> None:
        """Nobody sends any more."""
        for task in self._playing:
            task.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)
        self._playing.clear()

    async def close(self) -> None:
        await self.silence()
        for bot in self.bots:
            await bot.close()


def events(bot: Bot, name: str) -> list[Any]:
    """The data of all events `name` that came so far."""
    return [data for event, data in bot.events if event == name]


async def heard(bot: Bot, content: str, timeout_s: float = 5) -> None:
    """Wait until the bot got this chat message."""
    await wait_until(
        lambda: any(message["content"] == content for message in events(bot, "chat.message")),
        timeout_s, f"{bot.name} hears {content[:40]!r}",
    )  # fmt: skip


async def say(bot: Bot, content: str, client_id: str | None = None) -> dict[str, Any]:
    """Send a chat message; the stored message of the acknowledgement."""
    said = {"clientId": client_id or secrets.token_hex(8), "contentType": "Text", "content": content}
    message: dict[str, Any] = (await bot.call("chat.send", said))["message"]
    return message


async def refusal(call: Any) -> str:
    """The refusal's text of a call that must be refused."""
    try:
        answer = await call
    except Refused as refused:
        return str(refused)
    raise AssertionError(f"not refused: {answer!r}")


async def chat_of(http: aiohttp.ClientSession, url: str, token: str, session_id: str) -> list[str]:
    """All chat texts of a video session over REST, in order."""
    headers = {"Authorization": f"Bearer {token}"}
    path = f"{url}/api/v1/video-sessions/{session_id}/messages"
    async with http.get(path, params={"afterSequence": "0", "limit": "100"}, headers=headers) as answer:
        body = await answer.json()
        assert answer.status == 200, body
        return [message["content"] for message in body["items"]]


async def recording_ready(
    http: aiohttp.ClientSession, url: str, token: str, recording_id: str, timeout_s: float = 40
) -> dict[str, Any]:
    """Wait over REST until a recording is ready."""
    headers = {"Authorization": f"Bearer {token}"}

    async def look() -> dict[str, Any] | None:
        async with http.get(f"{url}/api/v1/recordings/{recording_id}", headers=headers) as answer:
            found: dict[str, Any] = await answer.json()
            assert answer.status in (200, 503), found
            assert found["status"] != "failed", found
            return found if found["status"] == "ready" else None

    ready: dict[str, Any] = await wait_until(look, timeout_s, "the recording is ready")
    return ready
