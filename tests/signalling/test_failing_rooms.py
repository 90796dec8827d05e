"""A room whose task fails: it is noticed, its people come back into a new one, its recording is kept."""

import asyncio
import logging

import pytest

from mediaserver.rooms import registry
from tests.rooms.fakes import until
from tests.signalling.conftest import Live


async def test_a_room_whose_task_fails_is_replaced_by_a_new_one(
    live: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mia = await live.connected("mia")
    session = await live.session(mia)
    participant = (await mia.join(session))["participantId"]
    recording = (await mia.ask("recording.start"))["recording"]["id"]
    broken = live.rooms.get("video", session.id)
    assert broken is not None
    monkeypatch.setattr(broken.room, "deadline", lambda now: now / 0)
    broken.enqueue(lambda now: [])
    assert await mia.hears("session.closing") == {"reason": "failed"}
    await until(lambda: not mia.socket.connected and live.rooms.rooms == 0)
    (told,) = [r for r in caplog.records if r.name == registry.__name__ and r.levelno == logging.ERROR]
    assert told.exc_info is not None and "room's task failed" in told.message
    assert (await live.ctx.recordings.get(recording)).status == "processing"
    assert live.recorder.heard()[-1] == "stop"
    assert (await live.ctx.participants.get(participant)).left_at is not None

    again = await live.again(mia).connect()
    joined = await again.join(session)
    assert joined["ok"] and len(joined["snapshot"]["participants"]) == 1
    assert live.rooms.get("video", session.id) is not broken
    assert (await again.ask("chat.typing"))["ok"]


async def test_who_waits_for_a_room_that_fails_is_told(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    mia = await live.connected("mia")
    session = await live.session(mia)
    await mia.join(session)
    broken = live.rooms.get("video", session.id)
    assert broken is not None
    monkeypatch.setattr(broken.room, "deadline", lambda now: now / 0)
    first, second = broken.command(lambda now: []), broken.command(lambda now: [])
    answers = await asyncio.gather(first, second, return_exceptions=True)
    assert answers[0] is None and getattr(answers[1], "code", None) == "busy"
    await until(lambda: live.rooms.rooms == 0)
