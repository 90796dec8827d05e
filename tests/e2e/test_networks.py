"""Bad networks: loss is repaired, and twenty seconds without any network cost nothing but those seconds."""

import asyncio

import aiohttp
import pytest

from tests.e2e.attendee import Attendee
from tests.e2e.conftest import Enter
from tests.e2e.network import spoiled
from tests.e2e.server import Person, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]


async def test_with_5_percent_loss_95_percent_of_frames_are_decoded(
    http: aiohttp.ClientSession, enter: Enter, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with spoiled(tmp_path_factory.mktemp("loss")) as network:
        ann, ben = [await Person.register(http, network.server.url, name) for name in ("ann", "ben")]
        session = (await ann.post("/video-sessions", {"title": "Loss"}))["id"]
        sender, viewer = await enter(network.url, ann, 0), await enter(network.url, ben, 1)
        for one in (sender, viewer):
            await one.join("video", session)
        await sender.do("publish", "camera", {"width": 640, "height": 360, "fps": 15})
        await sender.do("publish", "microphone")
        await viewer.sees(sender)
        network.conditions.loss = 0.05
        seen = await viewer.sees(sender)
        layer = f"{seen['last']['width']}x{seen['last']['height']}"
        sent, decoded = (await sender.do("sentFrames"))[layer], (await viewer.do("frames"))["decoded"]
        await asyncio.sleep(15)  # the time over which frames are counted
        layers = await sender.do("sentFrames")
        sent = layers[layer] - sent
        got = await viewer.do("frames")
        assert network.conditions.lost > 20, "the relay lost packets"
        assert sent > 150
        assert got["decoded"] - decoded >= 0.95 * sent, (layers, sent, got)
        seen = await viewer.sees(sender)
        assert seen["unreadable"] == 0
        await viewer.hears({0})


async def test_a_downlink_of_400_kbit_per_s_keeps_pictures_and_sound(
    http: aiohttp.ClientSession, enter: Enter, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The camera's layers take 700 and 230 kbit/s; the time includes an attempt to send the larger one again."""
    async with spoiled(tmp_path_factory.mktemp("narrow")) as network:
        ann, ben = [await Person.register(http, network.server.url, name) for name in ("ann", "ben")]
        session = (await ann.post("/video-sessions", {"title": "Narrow"}))["id"]
        sender, viewer = await enter(network.url, ann, 0), await enter(network.url, ben, 1)
        for one in (sender, viewer):
            await one.join("video", session)
        await sender.do("publish", "camera", {"width": 640, "height": 360, "fps": 15, "detail": True})
        await sender.do("publish", "microphone")
        await wait_until(lambda: _width(viewer, sender), 10, "Ben has the larger layer")
        network.conditions.down_bps = 400_000
        watched = await viewer.do("watchDecoding", 13_000)
        assert network.conditions.overflowed > 10, "the link was too narrow for the larger layer"
        assert watched["frames"] >= 8 * 13, watched
        assert watched["longestGapMs"] < 2000, watched
        assert watched["audioLost"] < 0.05 * (watched["audioReceived"] + watched["audioLost"]), watched
        seen = await viewer.sees(sender)
        assert (seen["last"]["width"], seen["unreadable"]) == (320, 0)


async def _width(viewer: Attendee, sender: Attendee) -> bool:
    seen = await viewer.sees(sender)
    return bool(seen["last"]["width"] == 640)


async def test_20_seconds_without_network_lose_no_message_and_no_participant(
    http: aiohttp.ClientSession, enter: Enter, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with spoiled(tmp_path_factory.mktemp("offline")) as network:
        ann, ben = [await Person.register(http, network.server.url, name) for name in ("ann", "ben")]
        session = (await ann.post("/video-sessions", {"title": "Tunnel"}))["id"]
        steady, lost = await enter(network.server.url, ann, 0), await enter(network.url, ben, 1)
        for one in (steady, lost):
            await one.join("video", session)
            await one.do("publish", "camera")
            await one.do("publish", "microphone")
        await steady.sees(lost)
        await lost.sees(steady)
        for number in range(3):
            await lost.say(f"before {number}")

        network.conditions.up.clear()
        went_at = asyncio.get_running_loop().time()
        written = asyncio.create_task(lost.say("written without network"))
        for number in range(5):
            await steady.say(f"meanwhile {number}")
        await wait_until(
            lambda: _connection(steady, "ben", "reconnecting"), 25, "the others see that Ben is away"
        )
        await asyncio.sleep(max(0.0, went_at + 20 - asyncio.get_running_loop().time()))
        network.conditions.up.set()

        await wait_until(lambda: _connection(steady, "ben", "connected"), 30, "Ben is back")
        await asyncio.wait_for(written, 20)
        person = await steady.person_named("ben")
        assert person is not None and person["id"] == lost.participant_id, "the same participant"
        expected = sorted(
            [*(f"before {n}" for n in range(3)), *(f"meanwhile {n}" for n in range(5)), "written without network"]
        )
        for one in (steady, lost):
            await wait_until(lambda one=one: _chat_has(one, expected), 10, f"{one.name} has every message once")
            assert [message["sequence"] for message in await one.chat()] == list(range(1, 10))
        await steady.sees(lost, timeout_s=20)
        await lost.sees(steady, timeout_s=20)
        await steady.hears({1})
        await lost.hears({0})


async def _connection(viewer: Attendee, name: str, state: str) -> bool:
    person = await viewer.person_named(name)
    return person is not None and person["connection"] == state


async def _chat_has(one: Attendee, expected: list[str]) -> bool:
    return sorted(message["content"] for message in await one.chat()) == expected
