"""What a room wants done: its host performs these in order. They are plain values."""

from dataclasses import dataclass, field
from typing import Any, Literal

from mediaserver.domain.sessions.sessions import MediaKind, Source

Data = dict[str, Any]
EndReason = Literal["ended", "deleted"]
LeftReason = Literal["left", "timeout", "removed", "ended", "deactivated", "unenrolled"]


@dataclass(frozen=True, slots=True)
class Effect:
    pass


# ------------------------------------------------------------------- to sockets


@dataclass(frozen=True, slots=True)
class Broadcast(Effect):
    """To every socket in the room; numbered events carry `epoch` and `n` in their data already."""

    event: str
    data: Data


@dataclass(frozen=True, slots=True)
class Send(Effect):
    socket: str
    event: str
    data: Data


@dataclass(frozen=True, slots=True)
class Assign(Effect):
    """`slot.assigned` to one socket; its acknowledgement goes to `Room.assignment_acknowledged`."""

    socket: str
    participant: str
    mid: str
    revision: int
    data: Data


@dataclass(frozen=True, slots=True)
class Detach(Effect):
    """The socket is out of the room; it stays connected."""

    socket: str


# ------------------------------------------------------------------- to the media worker


@dataclass(frozen=True, slots=True)
class CloseTransport(Effect):
    transport: str


@dataclass(frozen=True, slots=True)
class EnableTrack(Effect):
    track: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class CloseTrack(Effect):
    track: str


@dataclass(frozen=True, slots=True)
class Bind(Effect):
    transport: str
    mid: str
    track: str | None
    revision: int
    max_width: int | None
    max_height: int | None


@dataclass(frozen=True, slots=True)
class Resume(Effect):
    transport: str
    mid: str
    revision: int


@dataclass(frozen=True, slots=True)
class Pause(Effect):
    transport: str
    mid: str


# ------------------------------------------------------------------- to the recorder


@dataclass(frozen=True, slots=True)
class TrackBegun(Effect):
    """A track that a running recording shall take."""

    track: str


@dataclass(frozen=True, slots=True)
class TrackMarked(Effect):
    track: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class TrackOver(Effect):
    track: str


# ------------------------------------------------------------------- to the documents


@dataclass(frozen=True, slots=True)
class Save(Effect):
    """Persist what changed of a participant."""

    participant: str
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Left(Effect):
    """A participant has left: close the stay in its document."""

    participant: str
    reason: LeftReason


@dataclass(frozen=True, slots=True)
class Published:
    """A track as a negotiation has set it up in the worker."""

    id: str
    mid: str
    source: Source
    kind: MediaKind
    enabled: bool
    """What the worker was told."""
