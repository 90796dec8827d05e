"""Parts of the server are killed with signal 9; people in a session go on, and nothing acknowledged is lost."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.attendee import Attendee
from tests.e2e.conftest import Enter
from tests.e2e.recordings import check_program, download, ready
from tests.e2e.server import EGRESS, WORKER, Person, Server, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

MOVING_AGAIN_LIMIT_S = 5.0
CI_FACTOR = 3
"""CI's machines are shared: there a limit is asserted three times over; `make soak` asserts it on the median."""


async def _meet(server: Server, http: aiohttp.ClientSession, enter: Enter) -> tuple[Attendee, Attendee, str]:
    ann, ben = [await Person.register(http, server.url, name) for name in ("ann", "ben")]
    session = (await ann.post("/video-sessions", {"title": "Kill"}))["id"]
    pages = await enter(server.url, ann, 0), await enter(server.url, ben, 1)
    for one in pages:
        await one.join("video", session)
        await one.do("publish", "camera")
        await one.do("publish", "microphone")
    await pages[0].sees(pages[1])
    await pages[1].sees(pages[0])
    return *pages, session


async def _moving_again(one: Attendee, other: Attendee, timeout_s: float) -> float:
    """Seconds until pictures of the other are new ones again."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    took_ms = await one.do("movesAgain", other.name, other.who, timeout_s * 1000, timeout_s=timeout_s + 30)
    assert took_ms is not None, f"{one.name} sees no new pictures of {other.name} within {timeout_s} s"
    return loop.time() - began


async def _kill_the_worker(server: Server, first: Attendee, second: Attendee, timeout_s: float) -> float:
    server.kill_child(WORKER)
    took = await asyncio.gather(_moving_again(first, second, timeout_s), _moving_again(second, first, timeout_s))
    return max(took)


async def test_a_killed_media_worker_costs_seconds(
    http: aiohttp.ClientSession, enter: Enter, tmp_path: Path
) -> None:
    async with Server.running(tmp_path) as server:
        first, second, _ = await _meet(server, http, enter)
        took_s = await _kill_the_worker(server, first, second, CI_FACTOR * MOVING_AGAIN_LIMIT_S)
        assert took_s <= CI_FACTOR * MOVING_AGAIN_LIMIT_S
        await first.hears({1})
        await second.hears({0})
        await first.sees(second)
        for one in (first, second):
            assert await one.page.call("async () => attendee.outs") == []


async def test_a_killed_server_keeps_what_it_acknowledged_and_people_come_back(
    http: aiohttp.ClientSession, enter: Enter, tmp_path: Path
) -> None:
    async with Server.running(tmp_path / "data") as server:
        first, second, session = await _meet(server, http, enter)
        for number in range(5):
            await first.say(f"said {number}")
        await first.session("startRecording")
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(6)  # something to be recorded
        recorded_s = asyncio.get_running_loop().time() - began
        await server.kill()
        unsent = asyncio.create_task(second.say("said while it was down"))
        await server.start()

        for one in (first, second):
            await wait_until(lambda one=one: _state(one, "joined"), 40, f"{one.name} rejoins by itself")
        await asyncio.wait_for(unsent, 20)
        expected = [*(f"said {n}" for n in range(5)), "said while it was down"]
        for one in (first, second):
            await wait_until(lambda one=one: _chat_is(one, expected), 10, f"{one.name} has the whole chat")
        await first.sees(second, timeout_s=30)
        await second.sees(first, timeout_s=30)
        assert (await first.person.get("/auth/me"))["username"] == "ann", "the access token is still good"
        status, refreshed = await first.person.request(
            "POST", "/auth/refresh", json={"refreshToken": first.person.refresh_token}
        )
        assert (status, refreshed["user"]["username"]) == (200, "ann")
        assert (await second.person.get(f"/video-sessions/{session}"))["status"] == "live"

        recording = await ready(first.person, "video", session)
        file = await download(http, server.url + recording["videoFileUrl"], tmp_path / "program.mp4")
        program = check_program(file, {0, 1}, 2, recorded_s - 1.5)
        assert program.duration_s >= recorded_s - 1.0, "at most the last moments are missing"


async def test_a_killed_egress_leaves_a_playable_recording(
    http: aiohttp.ClientSession, enter: Enter, tmp_path: Path
) -> None:
    async with Server.running(tmp_path / "data") as server:
        first, second, session = await _meet(server, http, enter)
        await first.session("startRecording")
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(5)  # before the kill
        dead = server.kill_child(EGRESS)
        await wait_until(lambda: server.children(EGRESS) not in ([], [dead]), 15, "egress is started again")
        await asyncio.sleep(5)  # after it
        await first.session("stopRecording")
        took_s = asyncio.get_running_loop().time() - began
        recording = await ready(first.person, "video", session)
        file = await download(http, server.url + recording["videoFileUrl"], tmp_path / "program.mp4")
        program = check_program(file, {0, 1}, 2, 4.5)
        check_program(file, {0, 1}, took_s - 2.5, took_s - 0.5)
        assert abs(program.duration_s - took_s) <= 0.5
        await first.sees(second)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_the_median_of_ten_killed_workers_is_within_the_limit(
    http: aiohttp.ClientSession, enter: Enter, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async with Server.running(tmp_path) as server:
        first, second, _ = await _meet(server, http, enter)
        took: list[float] = []
        for _ in range(10):
            took.append(await _kill_the_worker(server, first, second, 30))
            await first.sees(second)
            await second.sees(first)
        took.sort()
        record_property("moving again after a killed worker, s", took)
        print(f"moving again after a killed worker: median {took[5]:.2f} s, worst {took[-1]:.2f} s")
        assert took[5] <= MOVING_AGAIN_LIMIT_S


async def _state(one: Attendee, state: str) -> bool:
    return bool(await one.page.call("async () => attendee.session.state") == state)


async def _chat_is(one: Attendee, expected: list[str]) -> bool:
    return [message["content"] for message in await one.chat()] == expected
