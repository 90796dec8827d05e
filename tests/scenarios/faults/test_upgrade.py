"""From the previous version to this one, a backup and back, on both stores; a kill in the middle of a migration.

The second store is MongoDB at `MONGODB_URI`, or else a separate embedded document server, reached as MongoDB is.
"""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from bson import json_util
from pymongo import AsyncMongoClient

from mediaserver.base.ids import new_id
from mediaserver.store.migrations.registry import MIGRATIONS
from tests.e2e.server import Person, Server, wait_until
from tests.store.conftest import embedded_server
from tests.upgrade import fixture

SLOW_SERVER = "tests.upgrade.slow_server"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.asyncio(loop_scope="session")]


@dataclass
class Place:
    """Where a server keeps what it stores: its data directory, and a database of its own or within it."""

    data: Path
    uri: str
    name: str

    @property
    def settings(self) -> dict[str, str]:
        return {"mongodb.uri": self.uri, "mongodb.database": self.name} if self.uri else {}

    async def fill(self) -> None:
        """With what the previous version has stored."""
        fixture.unpack(self.data)
        if self.uri:
            shutil.rmtree(self.data / "documents")
            async with AsyncMongoClient[dict[str, Any]](self.uri, tz_aware=True) as client:
                await fixture.load(client[self.name])

    async def back_up(self, to: Path) -> None:
        """As the operations page says: of a stopped server the directory, and the database by its own means."""
        shutil.copytree(self.data, to)
        if self.uri:
            dump = {}
            async with AsyncMongoClient[dict[str, Any]](self.uri, tz_aware=True) as client:
                for name in await client[self.name].list_collection_names():
                    dump[name] = await client[self.name][name].find({}).to_list()
            (to / "dump.json").write_text(json_util.dumps(dump))

    async def restore(self, backup: Path) -> None:
        shutil.rmtree(self.data)
        shutil.copytree(backup, self.data, ignore=shutil.ignore_patterns("dump.json"))
        if self.uri:
            async with AsyncMongoClient[dict[str, Any]](self.uri, tz_aware=True) as client:
                await client.drop_database(self.name)
                for name, documents in json_util.loads((backup / "dump.json").read_text()).items():
                    if documents:
                        await client[self.name][name].insert_many(documents)

    def server(self, module: str = "mediaserver", **env: str) -> Server:
        return Server(self.data, self.settings, env, module)

    async def command(self, *words: str) -> str:
        """What a command of `mediaserver` prints."""
        flags = [part for name, value in self.server().settings.items() for part in (f"--{name}", value)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mediaserver", *words, *flags,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        return output.decode()


@pytest_asyncio.fixture(loop_scope="session", params=["embedded", "mongodb"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with contextlib.AsyncExitStack() as stack:
        uri, name = "", "mediaserver"
        if request.param == "mongodb":
            name = f"test_{new_id()}"
            uri = os.environ.get("MONGODB_URI", "")
            if not uri:
                beside = tmp_path / "beside"
                beside.mkdir()
                uri = (await stack.enter_async_context(embedded_server(beside))).uri
        place = Place(tmp_path / "data", uri, name)
        await place.fill()
        yield place
        if uri:
            async with AsyncMongoClient[dict[str, Any]](uri) as client:
                await client.drop_database(name)


async def signed_in(http: aiohttp.ClientSession, server: Server, login: str) -> Person:
    body = {"login": login, "password": fixture.PASSWORD}
    async with http.post(f"{server.url}/api/v1/auth/login", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return Person(http, server.url, await answer.json())


@contextlib.asynccontextmanager
async def started(server: Server) -> AsyncIterator[Server]:
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def test_the_previous_version_is_upgraded_backed_up_and_restored(
    place: Place, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    pending = await place.command("migrate", "--dry-run")
    assert pending.count("pending") == len(MIGRATIONS), pending
    assert "applied" not in pending

    server = place.server()
    async with started(server):
        await everything_is_there(http, server)
        ada = await signed_in(http, server, "ada")
        (tweet, *_) = (await ada.get(f"/tweets?userId={ada.user['id']}"))["items"]
        status, edited = await ada.request(
            "PATCH", f"/tweets/{tweet['id']}", json={"content": {"text": "edited"}}
        )
        assert (status, edited["content"]["text"]) == (200, "edited")
    assert migrated(server) == len(MIGRATIONS)
    await place.back_up(tmp_path / "backup")

    await place.restore(tmp_path / "backup")
    async with started(server):
        # Also with the token from before: the keys have been restored.
        assert (await ada.get(f"/tweets/{tweet['id']}"))["content"]["text"] == "edited"
    assert migrated(server) == len(MIGRATIONS), "a restored database is not migrated again"
    # The fixture leaves out two large files; nothing else is missing, and nothing is there without its document.
    checked = await place.command("check-uploads")
    assert checked.count("missing:") == 2 and "2 to look after" in checked, checked


def migrated(server: Server) -> int:
    """How many migrations this server has finished since the first of its starts."""
    return sum("migrated [" in line for line in server.log)


async def everything_is_there(http: aiohttp.ClientSession, server: Server) -> None:
    """People sign in by name and address, also with names that are refused today, and find what they had."""
    for user in fixture.documents("users"):
        if not user["username"].startswith("bot-"):
            person = await signed_in(http, server, user["email"])
            assert person.user["username"] == user["username"]
            assert (await person.get(f"/users/{user['_id']}"))["followersCount"] == user["followersCount"]
    ada = await signed_in(http, server, "ada")
    for kind, path in (("tweets", "/tweets"), ("courses", "/courses"), ("sessions", "/video-sessions")):
        for one in fixture.documents(kind):
            status, body = await ada.request("GET", f"{path}/{one['_id']}")
            assert status in (200, 403, 404), body  # drafts and other kinds of sessions are not for her
            if status == 200 and kind == "tweets":
                assert body["likesCount"] == one["likesCount"]
    assert len((await ada.get("/tweets?limit=100"))["items"]) == len(fixture.documents("tweets"))
    grace = await signed_in(http, server, "grace.hopper")
    photos = [tweet for tweet in (await grace.get("/tweets?limit=100"))["items"] if tweet["content"].get("media")]
    url = photos[0]["content"]["media"][0]["url"]
    async with http.get(server.url + url if url.startswith("/") else url) as answer:
        assert answer.status == 200 and await answer.read()


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_a_migration_that_was_killed_goes_on(place: Place, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.touch()
    server = place.server(SLOW_SERVER, CHANGED=str(changed))
    starting = asyncio.create_task(server.start())
    before = await some_changed(changed)
    await server.kill()
    with pytest.raises(RuntimeError, match="the server does not start"):
        await starting
    async with started(server):
        assert any("taking over" in line for line in server.log)
    all_changed_once(changed, before)


@pytest.mark.parametrize("place", ["mongodb"], indirect=True)
async def test_of_servers_that_start_together_one_takes_over_from_the_one_that_is_killed(
    place: Place, tmp_path: Path
) -> None:
    changed = tmp_path / "changed"
    changed.touch()
    other = Place(tmp_path / "other", place.uri, place.name)
    shutil.copytree(place.data, other.data)
    # Long enough for the second to come up, on a busy machine, while the first is still at work.
    servers = [each.server(SLOW_SERVER, CHANGED=str(changed), PAUSE_S="0.3") for each in (place, other)]
    starts = {server: asyncio.create_task(server.start()) for server in servers}

    def waiting() -> list[Server]:
        return [server for server in servers if any("waiting for a server" in line for line in server.log)]

    await wait_until(waiting, 60, "one server waits for the other")
    (survivor,) = waiting()
    (victim,) = (server for server in servers if server is not survivor)
    before = await some_changed(changed)
    await victim.kill()
    with pytest.raises(RuntimeError, match="the server does not start"):
        await starts[victim]
    await starts[survivor]
    try:
        assert any("taking over" in line for line in survivor.log)
        all_changed_once(changed, before)
        assert "pending," not in await place.command("migrate", "--dry-run")
        async with started(victim):  # both run on the migrated database
            assert not any("taking over" in line for line in victim.log)
    finally:
        await survivor.stop()


async def some_changed(changed: Path) -> list[str]:
    """Wait until the slow migration is at work; the ids of the documents that it has changed, but not of all."""
    await wait_until(lambda: len(changed.read_text().split()) >= 3, 60, "some documents are changed")
    return changed.read_text().split()


def all_changed_once(changed: Path, before: list[str]) -> None:
    after = changed.read_text().split()
    tweets = {one["_id"] for one in fixture.documents("tweets")}
    assert len(set(before)) < len(tweets) and set(after) == tweets
    assert len(after) <= len(tweets) + 2, "all but the batch that was cut off is done once"
