"""Sessions that nobody is in any more end by themselves, also when their server was killed."""

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from mediaserver.loadtest.bot import Bot
from mediaserver.store.mongo import embedded_socket
from tests.e2e.server import Person, Server, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

SOON = {"rooms.end_empty_session_s": "3", "rooms.grace_s": "0.5"}


class Meeting:
    """A session with a bot of its moderator in it."""

    def __init__(self, host: Person, session_id: str, bot: Bot) -> None:
        self._host, self._path, self.bot = host, f"/video-sessions/{session_id}", bot

    @classmethod
    async def begin(cls, http: aiohttp.ClientSession, url: str, host: Person, **fields: Any) -> "Meeting":
        session = await host.post("/video-sessions", {"title": "Class", **fields})
        bot = Bot(http, url, host.user["username"])
        bot.token = host.token
        await bot.join("video", session["id"])
        return cls(host, session["id"], bot)

    async def status(self) -> str:
        return str((await self._host.get(self._path))["status"])

    async def ends(self) -> None:
        async def over() -> bool:
            return await self.status() == "ended"

        await wait_until(over, 40, "the session ends")

    async def stays(self) -> list[dict[str, Any]]:
        return list((await self._host.get(f"{self._path}/participants"))["items"])


async def test_an_empty_session_ends_and_others_go_on(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    async with Server.running(tmp_path / "data", SOON) as server:
        host = await Person.register(http, server.url, "host")
        busy = await Meeting.begin(http, server.url, host)
        kept = await Meeting.begin(http, server.url, host, endsWhenEmpty=False)
        await kept.bot.close()
        planned = await host.post("/video-sessions", {"title": "Nobody has come yet"})
        await host.post(f"/video-sessions/{planned['id']}/start", status=200)
        for _ in range(2):  # the second one ends later than any of the others would have
            empty = await Meeting.begin(http, server.url, host)
            await empty.bot.close()
            await empty.ends()
        assert [await busy.status(), await kept.status()] == ["live", "live"]
        assert (await host.get(f"/video-sessions/{planned['id']}"))["status"] == "live"

        await server.kill()
        await busy.bot.close()
        await server.start()
        await busy.ends()
        assert [stay["leftAt"] is not None for stay in await busy.stays()] == [True]
        assert await kept.status() == "live"


async def test_another_node_ends_the_session_of_a_killed_one(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    async with Server.running(tmp_path / "a", SOON) as first:
        (tmp_path / "b").mkdir()
        shutil.copytree(first.data / "secrets", tmp_path / "b" / "secrets")
        documents = quote(str(embedded_socket(first.data / "documents")), safe="")
        async with Server.running(tmp_path / "b", SOON | {"mongodb.uri": f"mongodb://{documents}"}) as second:
            host = await Person.register(http, first.url, "host")
            there = await Meeting.begin(http, second.url, host)
            for _ in range(2):  # the first node ends sessions, and not those with people at the second one
                empty = await Meeting.begin(http, first.url, host)
                await empty.bot.close()
                await empty.ends()
            assert await there.status() == "live"
            await second.kill()
            await there.bot.close()
            await there.ends()
