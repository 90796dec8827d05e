"""Recordings of sessions: captured, then processed, then ready or failed; never back."""

from typing import ClassVar, Literal

from pydantic import Field

from mediaserver.domain.documents.document import Consequential, Index, Moment, Reference, Value
from mediaserver.domain.sessions.sessions import SessionKind, Source

RecordingStatus = Literal["recording", "processing", "ready", "failed"]


class RecordedTrack(Value):
    """One source of one participant, kept as a file beside the composed program."""

    participant_id: str
    user_id: str
    source: Source
    object_key: str = Field(exclude=True)
    content_type: str
    size: int
    duration_s: float = Field(ge=0, alias="duration")
    offset_s: float = Field(default=0.0, alias="offset")
    """From the recording's start to the track's."""


class Recording(Consequential):
    """Its objects lie under `recordings/{id}/`, and nothing else does."""

    collection: ClassVar[str] = "recordings"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("session_kind", "session_id", "start_time")),
        Index(("session_id",)),
        Index(("status",)),
        Index(("moderator_user_id",)),
        Index(("started_by_user_id",)),
        # One running recording a session.
        Index(("session_kind", "session_id"), unique=True, partial={"status": "recording"}),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("session_id", "sessions", "cascade", shown="session"),
        Reference("moderator_user_id", "users", "keep", shown="moderator"),
        Reference("started_by_user_id", "users", "keep", shown="started_by"),
        Reference("tracks.user_id", "users", "keep", shown="user"),
    )

    session_kind: SessionKind
    session_id: str
    moderator_user_id: str
    started_by_user_id: str
    status: RecordingStatus = "recording"
    start_time: Moment
    end_time: Moment | None = None
    duration_s: float | None = Field(default=None, ge=0, alias="duration")
    size: int | None = None
    tracks: list[RecordedTrack] = Field(default_factory=list)
    node: str = Field(default="", exclude=True)
    """Where its capture is."""
    object_key: str | None = Field(default=None, exclude=True)
    """The composed program; None until ready."""
    failure: str | None = Field(default=None, examples=[None])
    """Why it failed, for people."""
