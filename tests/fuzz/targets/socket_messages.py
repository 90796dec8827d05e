"""Events of Socket.IO: JSON of any shape gives a message or a refusal that can be sent."""

import json
from typing import Any

from mediaserver.base.errors import Invalid
from mediaserver.signalling.messages import CLIENT_MESSAGES
from mediaserver.signalling.namespace import _error, parse_event
from tests.fuzz.target import Target

EVENTS = sorted(CLIENT_MESSAGES)
ID = "0190b0a0-0000-7000-8000-000000000000"
KEYS = (
    "kind", "sessionId", "since", "chat", "epoch", "n", "generation", "sdp", "tracks", "source", "slots", "mid",
    "trackId", "maxWidth", "maxHeight", "priority", "paused", "mute", "videoVisible", "castScreen", "handRaised",
    "participantId", "action", "clientId", "contentType", "content", "receiverUserId", "0", "", "a.b", "\0",
)  # fmt: skip
VALUES = (
    None, True, False, 0, 1, -1, 255, 256, 8192, 2**31, 2**63, 2**64, 10**400, 0.0, -0.0, 1.5, 1e308,
    float("inf"), float("nan"), "", "video", "audio", "live", "camera", "screen", "auto", "mute", "remove",
    "Text", "Image", "x", ID, ID.upper(), "\0", "\ud800", "x" * 65, "x" * 5000, "\u202e", "\U0001f600" * 40,
)  # fmt: skip
DEEPEST = 40


def run(data: bytes) -> None:
    event = EVENTS[data[0] % len(EVENTS)] if data else "unknown"
    received(event, Shape(data[1:]).value())
    try:
        argument = json.loads(data[1:])
    except (ValueError, RecursionError):  # Socket.IO's own parser refuses it
        return
    received(event, argument)


class Shape:
    """Any JSON value, its parts chosen by bytes: most of it is close to what the events take."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def value(self, depth: int = 0) -> Any:
        choice = self._next()
        if choice < 96 and depth < DEEPEST:
            return {KEYS[self._next() % len(KEYS)]: self.value(depth + 1) for _ in range(choice % 6)}
        if choice < 128 and depth < DEEPEST:
            return [self.value(depth + 1) for _ in range(choice % 5)]
        return VALUES[self._next() % len(VALUES)]

    def _next(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 255


def received(event: str, argument: Any) -> None:
    try:
        message = parse_event(event, argument if isinstance(argument, list) else [argument])
    except Invalid as refused:
        assert len(json.dumps(_error(refused))) < 64_000
        return
    assert message.event == event
    again = parse_event(event, [json.loads(message.model_dump_json(by_alias=True, exclude_unset=True))])
    assert again == message


TARGET = Target(
    "socket_messages",
    run,
    packages=("tests.fuzz.targets", "mediaserver.base.faults", "mediaserver.signalling.namespace"),
    words=(
        b'"kind":"video"', b'"sessionId":"', b'"since":{}', b'"generation":1', b'"sdp":""', b'"tracks":{}',
        b'"slots":[]', b'"mid":"0"', b'"trackId":"auto"', b'"mute":true', b'"action":"mute"', b'"clientId":"c"',
        b'"contentType":"Text"', b'"content":""', b"null", b"1e400", b"-0", b"\\ud800", b"\\u0000", b"NaN",
    ),
)  # fmt: skip
