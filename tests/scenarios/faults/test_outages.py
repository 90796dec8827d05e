"""What the server depends on goes away for a while: it says so, the running room goes on, then all is well."""

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest
import pytest_asyncio

from mediaserver.base.secrets import private_directory
from mediaserver.store.embedded_server import EmbeddedDocuments
from mediaserver.store.mongo import embedded_socket
from tests.e2e.server import Server, wait_until
from tests.scenarios.room import Room, chat_of, events, heard, recording_ready, refusal, say
from tests.scenarios.service import Door

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

SMALL = {"recording.width": "160", "recording.height": "90", "recording.fps": "10"}


@pytest_asyncio.fixture(loop_scope="session")
async def database(tmp_path: Path) -> AsyncIterator[Door]:
    """A database server of its own, reached over TCP."""
    directory = private_directory(tmp_path / "database")
    documents = EmbeddedDocuments(directory)
    running = asyncio.create_task(documents.run())
    await documents.ready()
    door = Door(lambda: asyncio.open_unix_connection(str(embedded_socket(directory))))
    await door.open()
    yield door
    await door.shut()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def parts(http: aiohttp.ClientSession, url: str) -> tuple[int, dict[str, str]]:
    async with http.get(f"{url}/readyz") as answer:
        return answer.status, (await answer.json())["parts"]


async def get(http: aiohttp.ClientSession, url: str, token: str) -> tuple[int, Any, str | None]:
    async with http.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
        return answer.status, await answer.json(), answer.headers.get("Retry-After")


async def test_the_database_goes_and_comes_back(
    tmp_path: Path, database: Door, http: aiohttp.ClientSession, room: Room
) -> None:
    settings = {
        "mongodb.uri": f"mongodb://127.0.0.1:{database.port}/?directConnection=true",
        "mongodb.timeout_s": "2",
    }
    async with Server.running(tmp_path / "data", settings) as server:
        moderator = await room.open(server.url)
        guest = await room.enter()
        await room.publish(moderator)
        await room.publish(guest, 1, video=False)
        await room.watch(guest, moderator)
        await say(guest, "before")

        await database.shut()

        async def red() -> bool:
            status, found = await parts(http, server.url)
            return status == 503 and [name for name, state in found.items() if state != "ok"] == ["documents"]

        await wait_until(red, 10, "readiness names the documents")
        sessions = f"{server.url}/api/v1/video-sessions"
        status, body, retry_after = await get(http, sessions, guest.token)
        assert status == 503 and body["code"] == "store_unavailable" and retry_after
        assert "store_unavailable" in await refusal(say(guest, "during"))
        received = sum(one.packets for one in guest.received.values())
        await moderator.call("participant.update", {"handRaised": True, "mute": True})
        await wait_until(
            lambda: any(one["participant"]["handRaised"] for one in events(guest, "participant.updated")),
            5, "signalling goes on",
        )  # fmt: skip
        await wait_until(
            lambda: sum(one.packets for one in guest.received.values()) > received + 50, 5, "media goes on"
        )
        await guest.call("session.leave", {})

        await database.open()

        async def green() -> bool:
            return (await parts(http, server.url))[0] == 200

        await wait_until(green, 15, "all is ready again")
        await say(moderator, "after")
        assert await chat_of(http, server.url, moderator.token, room.session_id) == ["before", "after"]

        async def written() -> bool:
            path = f"{sessions}/{room.session_id}/participants"
            _, found, _ = await get(http, path, moderator.token)
            by_user = {one["username"]: one for one in found["items"]}
            return bool(by_user[moderator.name]["mute"] and by_user[guest.name]["leftAt"])

        await wait_until(written, 15, "what happened meanwhile is written")


async def test_s3_goes_and_comes_back(
    tmp_path: Path, s3_port: int, http: aiohttp.ClientSession, room: Room
) -> None:
    door = Door(lambda: asyncio.open_connection("127.0.0.1", s3_port))
    await door.open()
    client = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{s3_port}",
        aws_access_key_id="key", aws_secret_access_key="secret",
    )  # fmt: skip
    client.create_bucket(Bucket="outage")
    settings = {
        "objects.backend": "s3", "objects.bucket": "outage", "objects.access_key": "key",
        "objects.secret_key": "secret", "objects.endpoint_url": f"http://127.0.0.1:{door.port}",
    }  # fmt: skip
    async with Server.running(tmp_path / "data", {**SMALL, **settings}) as server:
        moderator = await room.open(server.url)
        await room.publish(moderator)
        recording = (await moderator.call("recording.start", {}))["recording"]["id"]
        await asyncio.sleep(2)  # something to record
        await door.shut()

        async def red() -> bool:
            status, found = await parts(http, server.url)
            return status == 503 and found["objects"] != "ok" and found["documents"] == "ok"

        await wait_until(red, 10, "readiness names the objects")
        await moderator.call("recording.stop", {})
        await say(moderator, "the room goes on")
        capture = server.data / "captures" / recording

        def composed() -> bool:
            return any(path.suffix == ".mp4" for path in capture.rglob("*"))

        await wait_until(composed, 30, "it is composed")
        url = f"{server.url}/api/v1/recordings/{recording}"
        assert (await get(http, url, moderator.token))[1]["status"] == "processing"

        await door.open()
        ready = await recording_ready(http, server.url, moderator.token, recording, 60)
        async with http.get(server.url + ready["videoFileUrl"]) as film:
            assert film.status == 200 and len(await film.read()) > 1000
        await wait_until(lambda: events(moderator, "recording.ready"), 5, "the room hears of it")
    client.close()
    await door.shut()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def test_a_full_disk(small_disk: Path, http: aiohttp.ClientSession, room: Room) -> None:
    settings = {**SMALL, "recording.min_free_bytes": str(2 << 20)}
    async with Server.running(small_disk / "data", settings) as server:
        moderator = await room.open(server.url)
        guest = await room.enter()
        await say(moderator, "room enough")
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

        assert "store_unavailable" in await _until_refused(moderator)
        status, found = await parts(http, server.url)
        assert status == 503 and found["disk"] != "ok"
        assert "unavailable" in await refusal(moderator.call("recording.start", {}))
        headers = {"Authorization": f"Bearer {moderator.token}"}
        sessions = f"{server.url}/api/v1/video-sessions"
        async with http.post(sessions, json={"title": "No room"}, headers=headers) as answer:
            assert answer.status in (503, 507), await answer.text()
            assert (await answer.json())["code"] == "store_unavailable"
        assert (await get(http, sessions, moderator.token))[0] == 200, "reading goes on"
        await moderator.call("participant.update", {"handRaised": True})
        await wait_until(lambda: events(guest, "participant.updated"), 5, "signalling goes on")

        ballast.unlink()
        await say(moderator, "room again")
        await heard(guest, "room again")
        kept = await chat_of(http, server.url, moderator.token, room.session_id)
        assert kept[0] == "room enough" and kept[-1] == "room again"
        sent = [message["content"] for message in events(guest, "chat.message")]
        assert sent == kept
        assert await server.stop() == 0
        await server.start()
        assert await chat_of(http, server.url, moderator.token, room.session_id) == kept


async def _until_refused(bot: Any) -> str:
    """Talk until the write-ahead log wants to grow."""
    for _ in range(300):
        try:
            await asyncio.wait_for(say(bot, "x" * 4000), 15)
        except Exception as refused:  # noqa: BLE001 - the caller judges it
            return str(refused)
        await asyncio.sleep(0.02)
    raise AssertionError("nothing was refused")


async def test_ending_without_the_database(
    tmp_path: Path, database: Door, http: aiohttp.ClientSession, room: Room
) -> None:
    """What cannot be written is not waited for without end; the capture is closed and found at the next start."""
    settings = {
        **SMALL, "mongodb.uri": f"mongodb://127.0.0.1:{database.port}/?directConnection=true",
        "mongodb.timeout_s": "2",
    }  # fmt: skip
    async with Server.running(tmp_path / "data", settings) as server:
        moderator = await room.open(server.url)
        await room.publish(moderator, video=False)
        recording = (await moderator.call("recording.start", {}))["recording"]["id"]
        await asyncio.sleep(2)  # something to record
        await database.shut()
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await server.stop() == 0
        assert loop.time() - began < 20
        assert events(moderator, "session.closing") == [{"reason": "shutdown"}]
        await room.silence()
        await database.open()
        await server.start()
        assert (await recording_ready(http, server.url, moderator.token, recording))["duration"] > 1.5
