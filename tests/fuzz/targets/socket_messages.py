"""Events of Socket.IO: JSON of any shape gives a message or a refusal that can be sent."""

import json

from mediaserver.base.errors import Invalid
from mediaserver.signalling.messages import CLIENT_MESSAGES
from mediaserver.signalling.namespace import _error, _parse
from tests.fuzz.target import Target

EVENTS = sorted(CLIENT_MESSAGES)


def run(data: bytes) -> None:
    event = EVENTS[data[0] % len(EVENTS)] if data else "unknown"
    argument = json.loads(data[1:])
    try:
        message = _parse(event, argument if isinstance(argument, list) else [argument])
    except Invalid as refused:
        answer = json.dumps(_error(refused))
        assert len(answer) < 64_000
        return
    assert message.event == event
    again = _parse(event, [json.loads(message.model_dump_json(by_alias=True, exclude_unset=True))])
    assert again == message


TARGET = Target(
    "socket_messages",
    run,
    (ValueError, RecursionError),
    ("mediaserver.signalling.messages", "mediaserver.base.faults"),
    max_length=4096,
    words=(
        b'"kind":"video"', b'"sessionId":"', b'"since":{}', b'"generation":1', b'"sdp":""', b'"tracks":{}',
        b'"slots":[]', b'"mid":"0"', b'"trackId":"auto"', b'"mute":true', b'"action":"mute"',
        b'"clientId":"c"', b'"contentType":"Text"', b'"content":""', b"null", b"1e400", b"-0", b"\\ud800",
        b"\\u0000", b"NaN",
    ),
)  # fmt: skip
