"""The events that clients send over Socket.IO: one strict model per event, without unknown fields or coercion."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from mediaserver.base.faults import form
from mediaserver.base.ids import ID_PATTERN, ID_WORDS
from mediaserver.domain.sessions.chat_messages import ClientId, Content, ContentType
from mediaserver.domain.sessions.sessions import SessionKind, Source
from mediaserver.rooms.negotiation.sdp import MAX_CHARACTERS
from mediaserver.rooms.state.room import Action

MAX_MESSAGE_BYTES = 512 * 1024
"""Largest Socket.IO message in bytes: the largest offer, with its escape sequences."""

Id = Annotated[str, form(ID_PATTERN, ID_WORDS)]
Mid = Annotated[str, StringConstraints(min_length=1, max_length=32)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Pixels = Annotated[int, Field(ge=1, le=8192)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class ClientMessage(Part):
    """Base of all events. `event` is the name on the wire."""

    event: ClassVar[str]


class SeenBefore(Part):
    chat: Count | None = None
    epoch: Annotated[str, StringConstraints(max_length=64)] | None = None
    n: Count | None = None


class SessionJoin(ClientMessage):
    event: ClassVar[str] = "session.join"
    kind: SessionKind
    session_id: Id
    since: SeenBefore = SeenBefore()


class SessionLeave(ClientMessage):
    event: ClassVar[str] = "session.leave"


class SessionEnd(ClientMessage):
    event: ClassVar[str] = "session.end"


class PublishedTrack(Part):
    source: Source


class MediaNegotiate(ClientMessage):
    event: ClassVar[str] = "media.negotiate"
    generation: Annotated[int, Field(ge=1, le=2**31)]
    sdp: Annotated[str, StringConstraints(max_length=MAX_CHARACTERS)]
    tracks: Annotated[dict[Mid, PublishedTrack], Field(max_length=4)] = {}


class SlotWish(Part):
    mid: Mid
    track_id: Literal["auto"] | Id | None
    max_width: Pixels | None = None
    max_height: Pixels | None = None
    priority: Annotated[int, Field(ge=0, le=255)] = 0
    paused: bool = False


class MediaSubscribe(ClientMessage):
    event: ClassVar[str] = "media.subscribe"
    slots: Annotated[list[SlotWish], Field(max_length=70)]


class ParticipantUpdate(ClientMessage):
    event: ClassVar[str] = "participant.update"
    mute: bool | None = None
    video_visible: bool | None = None
    cast_screen: bool | None = None
    hand_raised: bool | None = None


class ParticipantModerate(ClientMessage):
    event: ClassVar[str] = "participant.moderate"
    participant_id: Id
    action: Action


class ChatSend(ClientMessage):
    event: ClassVar[str] = "chat.send"
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    content_type: ContentType
    content: Content


class ChatTyping(ClientMessage):
    event: ClassVar[str] = "chat.typing"


class MessageSend(ClientMessage):
    event: ClassVar[str] = "message.send"
    client_id: ClientId
    receiver_user_id: Id
    content_type: ContentType
    content: Content


class RecordingStart(ClientMessage):
    event: ClassVar[str] = "recording.start"


class RecordingStop(ClientMessage):
    event: ClassVar[str] = "recording.stop"


CLIENT_MESSAGES: dict[str, type[ClientMessage]] = {
    cls.event: cls
    for cls in (
        SessionJoin, SessionLeave, SessionEnd, MediaNegotiate, MediaSubscribe, ParticipantUpdate,
        ParticipantModerate, ChatSend, ChatTyping, MessageSend, RecordingStart, RecordingStop,
    )
}  # fmt: skip

SERVER_EVENTS = frozenset(
    {
        "participant.joined", "participant.updated", "participant.left",
        "track.published", "track.updated", "track.unpublished", "track.limited", "speaker.active",
        "chat.message", "chat.typing",
        "recording.started", "recording.warning", "recording.stopped", "recording.ready", "recording.failed",
        "session.updated", "session.ended", "session.replaced", "session.closing",
        "slot.assigned", "slot.suspended", "slot.unsupported", "media.reset",
        "notification", "notification.unread", "message", "message.read", "message.deleted",
    }
)  # fmt: skip
