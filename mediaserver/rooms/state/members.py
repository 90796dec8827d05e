"""Who is in a room and what they publish; `wire()` is the page of truth for Participant and Track on the wire."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from mediaserver.base.clock import rfc3339
from mediaserver.domain.sessions.participants import ParticipantRole
from mediaserver.domain.sessions.sessions import MediaKind, SessionKind, Source
from mediaserver.rooms.state.slots import Slots

KIND_OF: dict[Source, MediaKind] = {
    "microphone": "audio", "camera": "video", "screen": "video", "screenAudio": "audio",
}  # fmt: skip
FLAG_OF: dict[Source, Literal["video_visible", "cast_screen"]] = {
    "camera": "video_visible", "screen": "cast_screen", "screenAudio": "cast_screen",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may join, as the documents know them."""

    participant_id: str
    user_id: str
    username: str
    profile_image_url: str | None
    role: ParticipantRole
    can_publish: bool
    login_id: str
    joined_at: datetime
    is_admin: bool = False
    promoted: bool = False
    """A moderator of a broadcast let them publish."""


@dataclass(slots=True)
class Track:
    id: str
    participant_id: str
    source: Source
    mid: str
    enabled: bool

    @property
    def kind(self) -> MediaKind:
        return KIND_OF[self.source]

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "participantId": self.participant_id,
            "source": self.source,
            "kind": self.kind,
            "enabled": self.enabled,
        }


@dataclass(slots=True)
class Member:
    """A participant in the room; `socket` is None while the connection is lost."""

    id: str
    session_kind: SessionKind
    session_id: str
    user_id: str
    username: str
    profile_image_url: str | None
    role: ParticipantRole
    can_publish: bool
    login_id: str
    joined_at: datetime
    socket: str | None
    is_admin: bool = False
    promoted: bool = False
    mute: bool = False
    video_visible: bool = False
    cast_screen: bool = False
    hand_raised: bool = False
    lost_at: float | None = None
    hidden: set[str] = field(default_factory=set)
    """`video_visible` or `cast_screen`, switched off expressly: publishing does not switch them on."""
    generation: int = 0
    transport: str | None = None
    tracks: dict[Source, Track] = field(default_factory=dict)
    slots: Slots = field(default_factory=Slots)
    typed_at: float = float("-inf")

    def allows(self, source: Source) -> bool:
        """Whether packets of this source may flow."""
        if source == "microphone":
            return not self.mute
        return bool(getattr(self, FLAG_OF[source]))

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "sessionKind": self.session_kind,
            "sessionId": self.session_id,
            "userId": self.user_id,
            "username": self.username,
            "profileImageUrl": self.profile_image_url,
            "role": self.role,
            "canPublish": self.can_publish,
            "mute": self.mute,
            "videoVisible": self.video_visible,
            "castScreen": self.cast_screen,
            "handRaised": self.hand_raised,
            "connection": "connected" if self.socket else "reconnecting",
            "joinedAt": rfc3339(self.joined_at),
        }
