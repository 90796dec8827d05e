"""Audio sessions, live broadcasts, and rooms whose codec is H264."""

import aiohttp
import pytest

from tests.e2e.attendee import AttendeeError
from tests.e2e.conftest import Enter
from tests.e2e.server import Person, Server, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(200)]


async def test_an_audio_session_takes_sound_and_refuses_pictures(
    server: Server, http: aiohttp.ClientSession, enter: Enter
) -> None:
    host, guest = [await Person.register(http, server.url, name) for name in ("radio", "caller")]
    session = (await host.post("/audio-sessions", {"title": "Radio"}))["id"]
    first, second = await enter(server.url, host, 0), await enter(server.url, guest, 1)
    for one in (first, second):
        await one.join("audio", session)
        await one.do("publish", "microphone")
    await first.hears({1})
    await second.hears({0})
    with pytest.raises(AttendeeError) as refused:
        await second.do("publish", "camera")
    assert refused.value.code == "not_allowed"
    await first.hears({1})
    await first.session("setMuted", True)
    await second.hears(set())


async def test_in_a_broadcast_only_the_moderator_and_the_promoted_publish(
    server: Server, http: aiohttp.ClientSession, enter: Enter
) -> None:
    host, guest = [await Person.register(http, server.url, name) for name in ("lecturer", "listener")]
    session = (await host.post("/live-sessions", {"title": "Lecture", "type": "broadcast"}))["id"]
    stage, audience = await enter(server.url, host, 0), await enter(server.url, guest, 1)
    await stage.join("live", session)
    await audience.join("live", session)
    await stage.do("publish", "camera")
    await stage.do("publish", "microphone")
    await audience.sees(stage)
    await audience.hears({0})
    with pytest.raises(AttendeeError) as refused:
        await audience.do("publish", "camera")
    assert refused.value.code == "not_allowed"

    await stage.session("moderate", audience.participant_id, "promote")
    await wait_until(lambda: _may_publish(audience, True), 5, "the listener was promoted")
    await audience.do("publish", "camera")
    await audience.do("publish", "microphone")
    await stage.sees(audience)
    await stage.hears({1})

    await stage.session("moderate", audience.participant_id, "demote")
    await wait_until(lambda: _may_publish(audience, False), 5, "the listener was demoted")
    await stage.hears(set())
    person = await stage.person_named("listener")
    assert person is not None and not person["hasCamera"]


async def test_a_room_may_speak_h264(
    http: aiohttp.ClientSession, enter: Enter, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = {"media.video_codec": "H264"}
    async with Server.running(tmp_path_factory.mktemp("h264"), settings) as server:
        one, other = [await Person.register(http, server.url, name) for name in ("cavlc", "cabac")]
        session = (await one.post("/video-sessions", {"title": "H264"}))["id"]
        pages = [await enter(server.url, person, who) for who, person in enumerate((one, other))]
        for page in pages:
            await page.join("video", session)
            await page.do("publish", "camera")
        await pages[0].sees(pages[1])
        await pages[1].sees(pages[0])
        codecs = await pages[1].page.call(
            "async () => [...(await attendee.session.media.pc.getStats()).values()]"
            ".filter((r) => r.type === 'codec' && r.mimeType.startsWith('video/')).map((r) => r.mimeType)"
        )
        assert "video/H264" in codecs and "video/VP8" not in codecs


async def _may_publish(one: object, expected: bool) -> bool:
    me = await one.person_named("listener")  # type: ignore[attr-defined]
    return me is not None and me["canPublish"] is expected
