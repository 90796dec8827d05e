"""Who took part in a session: one document per session and person, kept after leaving, reused on rejoin."""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from mediaserver.domain.documents.document import Document, Index, Moment, Reference
from mediaserver.domain.sessions.sessions import SessionKind

ParticipantRole = Literal["moderator", "participant"]


class Participant(Document):
    collection: ClassVar[str] = "participants"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("session_kind", "session_id", "user_id"), unique=True),
        Index(("session_id", "left_at")),
        Index(("user_id",)),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("session_id", "sessions", "cascade"),
        Reference("user_id", "users", "keep", shown="user"),
    )

    session_kind: SessionKind
    session_id: str
    user_id: str
    role: ParticipantRole = "participant"
    mute: bool = False
    video_visible: bool = False
    cast_screen: bool = False
    joined_at: Moment
    """The latest time."""
    left_at: Moment | None = None
    """Null while in the session."""
    seconds_present: float = 0.0
    """Of the stays that are over."""
    promoted: bool = Field(default=False, exclude=True)
    """May publish in a broadcast."""
    removed_at: Moment | None = Field(default=None, exclude=True)
    """A moderator removed them: they may not come back."""
    node: str = Field(default="", exclude=True)
    """Where the latest stay is or was."""

    def stay_s(self, now: datetime) -> float:
        """Seconds of the stay that runs now."""
        return 0.0 if self.left_at else max(0.0, (now - self.joined_at).total_seconds())
