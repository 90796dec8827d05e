"""Processes die, or are ended, at the worst moment: what was acknowledged stays and the rest goes on."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.server import DOCUMENTS, EGRESS, WORKER, Server, wait_until
from tests.scenarios.room import Room, chat_of, events, recording_ready, say

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


def processes_of(server: Server) -> set[int]:
    """The main process and all its descendants."""
    found, parents = {server.pid}, dict[int, int]()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def living(pids: set[int]) -> list[int]:
    alive = []
    for pid in pids:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                alive.append(pid)
        except OSError:
            continue
    return alive


async def test_sigterm_loses_nothing(own: Server, room: Room, http: aiohttp.ClientSession) -> None:
    moderator = await room.open(own.url)
    guest = await room.enter()
    await room.publish(moderator)
    recording = (await moderator.call("recording.start", {}))["recording"]["id"]
    await asyncio.sleep(2)  # something to record
    for number in range(5):
        await say(guest, f"line {number}")
    children = processes_of(own)
    assert len(children) >= 4, "main, documents, media worker, egress"

    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await own.stop() == 0, "\n".join(own.log)
    assert loop.time() - began < 10
    assert living(children) == [], "nobody is left behind"
    assert events(moderator, "session.closing") == [{"reason": "shutdown"}]
    assert events(guest, "session.closing") == [{"reason": "shutdown"}]
    await room.silence()
    assert not any("Traceback" in line for line in own.log), "\n".join(own.log)

    await own.start()
    assert await chat_of(http, own.url, moderator.token, room.session_id) == [f"line {n}" for n in range(5)]
    ready = await recording_ready(http, own.url, moderator.token, recording)
    assert ready["duration"] > 1.5
    assert ready["tracks"]


async def test_kill_of_the_main_process(own: Server, room: Room, http: aiohttp.ClientSession) -> None:
    moderator = await room.open(own.url)
    guest = await room.enter()
    await room.publish(moderator)
    recording = (await moderator.call("recording.start", {}))["recording"]["id"]
    login = {"login": guest.name, "password": "loadtest-password"}
    async with http.post(f"{own.url}/api/v1/auth/login", json=login) as answer:
        refresh = (await answer.json())["refreshToken"]
    await asyncio.sleep(2)  # something to record

    acknowledged: list[str] = []

    async def chatter() -> None:
        for number in range(1000):
            await say(guest, f"line {number}")
            acknowledged.append(f"line {number}")

    talking = asyncio.create_task(chatter())
    await wait_until(lambda: len(acknowledged) >= 10, 10, "some lines are acknowledged")
    await own.kill()  # also waits for the children's end
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    await room.silence()

    await own.start()
    kept = await chat_of(http, own.url, guest.token, room.session_id)
    assert kept[: len(acknowledged)] == acknowledged[:100]
    async with http.post(f"{own.url}/api/v1/auth/refresh", json={"refreshToken": refresh}) as answer:
        assert answer.status == 200, await answer.text()
        assert (await answer.json())["user"]["username"] == guest.name
    back = await room.again(guest)
    assert back.participant_id == guest.participant_id
    await say(back, "back")
    assert (await recording_ready(http, own.url, moderator.token, recording))["duration"] > 1.5


async def test_kill_of_the_recorder(own: Server, room: Room, http: aiohttp.ClientSession) -> None:
    moderator = await room.open(own.url)
    await room.publish(moderator)
    recording = (await moderator.call("recording.start", {}))["recording"]["id"]
    await asyncio.sleep(2)  # something to record
    killed = own.kill_child(EGRESS)
    await wait_until(lambda: set(own.children(EGRESS)) - {killed}, 10, "there is a recorder again")
    await asyncio.sleep(2)  # something more to record
    stopped = (await moderator.call("recording.stop", {}))["recording"]
    assert stopped["status"] == "processing"
    ready = await recording_ready(http, own.url, moderator.token, recording)
    assert ready["duration"] > 3.5
    await wait_until(lambda: events(moderator, "recording.ready"), 5, "the room hears of it")


async def test_kill_of_the_media_worker(own: Server, room: Room) -> None:
    moderator = await room.open(own.url)
    guest = await room.enter()
    await room.publish(moderator)
    await room.publish(guest, 1)
    await room.watch(guest, moderator)

    own.kill_child(WORKER)
    for bot in (moderator, guest):
        await wait_until(lambda bot=bot: events(bot, "media.reset"), 5, "the reset is told")
    await room.silence()
    assert await say(guest, "the room goes on")
    for hue, bot in enumerate((moderator, guest)):
        generation = max(2, events(bot, "media.reset")[0]["generation"])
        await room.publish(bot, hue, generation=generation)
    await wait_until(
        lambda: len(guest.tracks) == 4 == len(moderator.tracks), 10, "old tracks gone, new ones there"
    )
    await room.watch(guest, moderator)
    await room.watch(moderator, guest)


async def test_kill_of_the_document_server(own: Server, room: Room, http: aiohttp.ClientSession) -> None:
    moderator = await room.open(own.url)
    guest = await room.enter()
    await room.publish(moderator)
    await room.publish(guest, 1, video=False)
    await room.watch(guest, moderator)
    acknowledged: list[str] = []
    refusals: list[str] = []
    statuses: set[int] = set()
    done = asyncio.Event()

    async def chatter() -> None:
        number = 0
        while not done.is_set():
            number += 1
            try:
                await say(guest, f"line {number}")
            except Exception as refused:  # noqa: BLE001 - judged below
                refusals.append(str(refused))
                await asyncio.sleep(0.1)
            else:
                acknowledged.append(f"line {number}")
            await asyncio.sleep(0.22)  # the limit is five messages per second

    async def reader() -> None:
        headers = {"Authorization": f"Bearer {moderator.token}"}
        while not done.is_set():
            async with http.get(f"{own.url}/api/v1/video-sessions", headers=headers) as answer:
                statuses.add(answer.status)
                body = await answer.json()
                if answer.status != 200:
                    assert answer.status == 503 and body["code"] == "store_unavailable", body
                    assert "Retry-After" in answer.headers
            await asyncio.sleep(0.05)

    def more_lines() -> Callable[[], bool]:
        before = len(acknowledged)
        return lambda: len(acknowledged) > before + 5

    async with asyncio.TaskGroup() as group:
        group.create_task(chatter())
        group.create_task(reader())
        for _ in range(2):
            await wait_until(more_lines(), 15, "chat flows")
            received = sum(one.packets for one in guest.received.values())
            own.kill_child(DOCUMENTS)
            await wait_until(
                lambda n=received: sum(one.packets for one in guest.received.values()) > n + 30,
                5,
                "media goes on",
            )
        await wait_until(more_lines(), 15, "chat flows again")
        done.set()
    assert statuses <= {200, 503}
    assert all("store_unavailable" in one for one in refusals), refusals
    kept = await chat_of(http, own.url, guest.token, room.session_id)
    assert [line for line in kept if line in set(acknowledged)] == acknowledged[: len(kept)]
    seen = [message["content"] for message in events(moderator, "chat.message")]
    assert len(seen) == len(set(seen)), "none twice"
    assert set(acknowledged) <= set(seen)
    assert await moderator.call("participant.update", {"handRaised": True})


async def test_a_frozen_child_does_not_keep_the_server_from_ending(own: Server) -> None:
    (worker,) = own.children(WORKER)
    os.kill(worker, signal.SIGSTOP)
    children = processes_of(own)
    assert await own.stop() == 0
    assert living(children) == []
