"""Shared events reach the handlers of other nodes as they were, and nothing that comes in does harm."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import product
from typing import Any, ClassVar, get_type_hints

import pytest
from bson import decode, encode
from bson.codec_options import CodecOptions

from mediaserver.domain.documents.actor import Role
from mediaserver.domain.sessions.chat_messages import ChatMessage
from mediaserver.domain.sessions.recordings import RecordedTrack, Recording
from mediaserver.domain.sessions.sessions import Session
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.usecases import events as happened
from mediaserver.usecases.event_relay import Message, Relay, form
from mediaserver.usecases.events import BusInterrupted, Event, Events, LoginRevoked, Pushed, UserDeactivated

THEN = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
ID = "01JNMZ0000000000000000000A"
STAMP: dict[str, Any] = {"id": ID, "created_at": THEN, "updated_at": THEN}
SESSION = Session(**STAMP, kind="video", title="Algebra", moderator_user_id=ID, status="live")
UPLOAD = Upload(**STAMP, owner_user_id=ID, content_type="image/png", size=3, name="a", object_key="k")
MESSAGE = ChatMessage(
    **STAMP, session_kind="video", session_id=ID, sender_user_id=ID, content_type="Text", content="ü",
    timestamp=THEN, sequence=7, client_id="c",
)  # fmt: skip
TRACK = RecordedTrack(
    participant_id=ID,
    user_id=ID,
    source="camera",
    object_key="k",
    content_type="video/mp4",
    size=1,
    duration_s=2.5,
)
RECORDING = Recording(
    **STAMP, session_kind="video", session_id=ID, moderator_user_id=ID, started_by_user_id=ID, start_time=THEN,
    tracks=[TRACK], object_key="k",
)  # fmt: skip

EXAMPLES: dict[Any, list[Any]] = {
    str: ["u1"], str | None: ["u1", None], int: [7], bool: [True], datetime: [THEN],
    tuple[str, ...]: [("u1", "u2")], Role: ["instructor"], Session: [SESSION], ChatMessage: [MESSAGE],
    Upload | None: [UPLOAD, None], Recording: [RECORDING],
}  # fmt: skip
"""Of each type that a field of a shared event has."""
OURS = {kind.__name__: kind for kind in Event.__subclasses__() if kind.__module__.startswith("mediaserver.")}
SHARED = [
    kind(*values)
    for kind in OURS.values()
    if kind.shared
    for values in product(*(EXAMPLES[hint] for hint in get_type_hints(kind).values() if hint != ClassVar[bool]))
]


class Nodes:
    """Two nodes with a bus between them that carries BSON."""

    def __init__(self) -> None:
        self.here, self.there = Events(), Events()
        self.sent: list[Message] = []
        self.heard: list[Event] = []
        self.relay = Relay(self.there)
        Relay(self.here).connect(self._carry)
        Relay(self.there).connect(self.sent.append)
        for kind in Event.__subclasses__():
            self.there.subscribe(kind, self.heard.append)

    def _carry(self, message: Message) -> None:
        self.sent.append(message)
        self.relay.received(decode(encode(message), CodecOptions[dict[str, Any]](tz_aware=True)))


@pytest.mark.parametrize("event", SHARED, ids=lambda event: type(event).__name__)
def test_a_shared_event_is_heard_elsewhere_as_it_was(event: Event) -> None:
    nodes = Nodes()
    nodes.here.publish(event)
    assert nodes.heard == [event] and type(nodes.heard[0]) is type(event)
    assert len(nodes.sent) == 1, "what was heard is not sent on"


def test_what_happened_to_documents_is_shared_and_what_concerns_sockets_or_this_node_is_not() -> None:
    assert {happened.LoginRevoked, happened.SessionEnded, happened.MessageStored} <= {type(one) for one in SHARED}
    assert not Pushed.shared and not BusInterrupted.shared


def test_handlers_here_hear_first_and_what_is_not_shared_stays() -> None:
    nodes, order = Nodes(), list[str]()
    nodes.here.subscribe(UserDeactivated, lambda event: order.append(f"here {len(nodes.heard)}"))
    nodes.here.publish(UserDeactivated("u1"))
    assert order == ["here 0"] and len(nodes.heard) == 1
    nodes.here.publish(Pushed(("u1",), "notification", {}))
    nodes.here.deliver(UserDeactivated("u2"))
    assert nodes.heard == [UserDeactivated("u1")]


@dataclass(frozen=True, slots=True)
class _Odd(Event):
    shared: ClassVar[bool] = True
    what: Any


def test_an_event_that_cannot_be_sent_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    nodes, here = Nodes(), list[Event]()
    nodes.here.subscribe(_Odd, here.append)
    nodes.here.publish(_Odd(object()))
    assert len(here) == 1 and "_Odd failed" in caplog.text


def test_events_of_newer_nodes_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    nodes = Nodes()
    for _ in range(3):
        nodes.relay.received({"event": "MoonRisen", "fields": {"at": 1}})
    nodes.relay.received({"event": "Pushed", "fields": {"user_ids": [], "name": "n", "data": {}}})
    assert nodes.heard == []
    unknown = [record for record in caplog.records if "unknown here" in record.message]
    assert [record.event for record in unknown] == ["MoonRisen", "Pushed"]  # type: ignore[attr-defined]


def test_a_newer_nodes_further_field_is_passed_over() -> None:
    nodes = Nodes()
    message = form(LoginRevoked("u1", "l1"))
    message["fields"]["why"] = "lost"
    nodes.relay.received(message)
    assert nodes.heard == [LoginRevoked("u1", "l1")]


@pytest.mark.parametrize(
    "message",
    [
        {}, {"event": None}, {"event": ["LoginRevoked"]}, {"event": "LoginRevoked"},
        {"event": "LoginRevoked", "fields": 3}, {"event": "LoginRevoked", "fields": {}},
        {"event": "LoginRevoked", "fields": {"user_id": 1, "login_id": {}}},
        {"event": "RoleChanged", "fields": {"user_id": "u1", "role": "emperor"}},
        {"event": "SessionEnded", "fields": {"session": {"id": "x"}}},
        {"event": "SessionEnded", "fields": {"session": None}},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_not_heard(message: Message, caplog: pytest.LogCaptureFixture) -> None:
    nodes = Nodes()
    nodes.relay.received(message)
    assert nodes.heard == [] and caplog.records
    nodes.relay.received(form(UserDeactivated("u1")))
    assert nodes.heard == [UserDeactivated("u1")]


def test_an_interruption_is_told_here_alone() -> None:
    nodes = Nodes()
    nodes.relay.interrupted()
    assert nodes.heard == [BusInterrupted()] and nodes.sent == []
    assert fields(BusInterrupted()) == ()
