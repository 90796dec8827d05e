"""What happens in a room is in the log, each line with the ids of what it is about."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from mediaserver.base.logs import JsonFormatter
from tests.rooms.fakes import until
from tests.signalling.conftest import Live


class Lines(io.StringIO):
    def of(self, message: str) -> list[dict[str, Any]]:
        lines = map(json.loads, self.getvalue().splitlines())
        return [line for line in lines if line["message"] == message]


@pytest.fixture
def lines() -> Iterator[Lines]:
    written, logger = Lines(), logging.getLogger("mediaserver")
    handler, level = logging.StreamHandler(written), logger.level
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield written
    logger.removeHandler(handler)
    logger.setLevel(level)


async def test_every_line_tells_the_room_the_participant_and_the_user(live: Live, lines: Lines) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    hers, his = [(await one.join(session))["participantId"] for one in (mia, ben)]
    recording = (await mia.ask("recording.start"))["recording"]["id"]
    await mia.ask("participant.moderate", {"participantId": his, "action": "remove"})
    await mia.ask("recording.stop")
    await mia.ask("session.leave")
    await mia.ask("session.leave")
    room = f"video:{session.id}"
    she = {"room": room, "participant": hers, "user": mia.actor.user_id}
    he = {"room": room, "participant": his, "user": ben.actor.user_id}

    def told(message: str, **more: Any) -> list[dict[str, Any]]:
        keys = {"room", "participant", "user", *more}
        return [{key: line[key] for key in keys & line.keys()} for line in lines.of(message)]

    assert told("joined") == [she, he]
    assert told("recording started", recording="") == [{**she, "recording": recording}]
    assert told("recording stopped", recording="") == [{**she, "recording": recording}]
    assert told("moderated", target="", action="") == [{**she, "target": his, "action": "remove"}]
    await until(lambda: len(lines.of("left")) == 2)
    assert told("left", reason="") == [{**he, "reason": "removed"}, {**she, "reason": "left"}]
    assert {line["level"] for line in map(json.loads, lines.getvalue().splitlines())} == {"info"}


async def test_a_handler_that_fails_says_where(live: Live, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    mia = await live.connected("mia")
    session = await live.session(mia)
    participant = (await mia.join(session))["participantId"]
    host = live.rooms.get("video", session.id)
    assert host is not None
    monkeypatch.setattr(host.room, "typing", None)
    assert (await mia.ask("chat.typing"))["error"]["code"] == "internal"
    (line,) = lines.of("a handler failed")
    ids = {"room": host.key, "participant": participant, "user": mia.actor.user_id, "event": "chat.typing"}
    assert ids.items() <= line.items() and "TypeError" in line["exception"]


async def test_what_a_room_does_by_itself_is_not_told_of_who_opened_it(live: Live, lines: Lines) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    his = (await ben.join(session))["participantId"]
    await ben.drop()
    await until(lambda: lines.of("left"))
    (left,) = lines.of("left")
    assert (left["participant"], left["user"], left["reason"]) == (his, ben.actor.user_id, "timeout")
    await live.rooms.shutdown()
    (closed,) = lines.of("room closed")
    assert closed["room"] == f"video:{session.id}" and "user" not in closed
