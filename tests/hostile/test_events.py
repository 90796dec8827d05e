"""Socket.IO packets that are made to take long."""

import json

import pytest
from socketio import packet

from mediaserver.signalling.messages import MAX_MESSAGE_BYTES
from mediaserver.signalling.namespace import parse_event
from mediaserver.signalling.socket_server import MAX_VALUES, check_packet
from tests.hostile.cost import assert_quick
from tests.hostile.offers import HOSTILE as OFFERS
from tests.hostile.offers import largest_honest_offer


def event(name: str, data: object) -> str:
    return "2" + json.dumps([name, data])


def filled(head: str, one: str, tail: str) -> str:
    return head + one * ((MAX_MESSAGE_BYTES - len(head) - len(tail)) // len(one)) + tail


WISH = {"mid": "1", "trackId": "0" * 26, "maxWidth": 640, "maxHeight": 360, "priority": 1, "paused": False}
HOSTILE = {
    "numbers": filled('2["media.subscribe",{"slots":[', "1,", "1]}]"),
    "lists": filled("2[", "[],", "1]"),
    "nesting": "2" + "[" * 250_000 + "]" * 250_000,
    "objects": "2" + '{"a":' * 80_000 + "1" + "}" * 80_000,
    "quotes": filled("2", '"', ""),
    "backslashes": filled('2["', "\\\\", '"]'),
    "escapes": filled('2["chat.send",{"content":"', "\\u0301", '"}]'),
    "half characters": filled('2["chat.send",{"content":"', "\\ud800", '"}]'),
    "a huge number": filled('2["chat.send",', "9", "]"),
    "a huge id": filled("2", "9", '["a"]'),
    "a long name": filled('2["', "x", '",{}]'),
    "a long namespace": filled("2/", "x", ',["a"]'),
    "unknown fields": event("chat.send", {f"k{n}": 1 for n in range(MAX_VALUES - 10)}),
    "wrong slots": event("media.subscribe", {"slots": [{"mid": 1, "trackId": []}] * 70}),
    "unknown fields in slots": event("media.subscribe", {"slots": [{f"k{n}": 1 for n in range(12)}] * 70}),
    "too many slots": event("media.subscribe", {"slots": [1] * 980}),
    "too many tracks": event(
        "media.negotiate", {"generation": 1, "sdp": "", "tracks": {str(n): 1 for n in range(980)}}
    ),
    "an offer": event("media.negotiate", {"generation": 1, "sdp": OFFERS["wildcards"], "tracks": {}}),
    "a long chat message": filled('2["chat.send",{"contentType":"Text","clientId":"1","content":"', "\\t", '"}]'),
    "a private message": filled('2["message.send",{"content":"', "\\u3000", '"}]'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_packet_holds_up_the_event_loop_only_briefly(name: str) -> None:
    data = HOSTILE[name]
    assert len(data) <= MAX_MESSAGE_BYTES

    def read() -> None:
        try:
            check_packet(data)
            arguments = packet.Packet(encoded_packet=data).data
            parse_event(str(arguments[0])[:100], arguments[1:])
        except (TypeError, IndexError, KeyError, RecursionError) as error:  # these end the connection, too
            raise ValueError from error

    assert_quick(read)


def test_the_largest_honest_events_are_taken() -> None:
    tracks = {
        str(n): {"source": source} for n, source in enumerate(("microphone", "camera", "screen", "screenAudio"))
    }
    offer = {"generation": 1, "sdp": largest_honest_offer("chromium"), "tracks": tracks}
    for name, data in (("media.negotiate", offer), ("media.subscribe", {"slots": [WISH] * 70})):
        text = event(name, data)
        check_packet(text)
        assert len(text) < MAX_MESSAGE_BYTES
        parse_event(*packet.Packet(encoded_packet=text).data[:1], packet.Packet(encoded_packet=text).data[1:])
