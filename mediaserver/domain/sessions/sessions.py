"""Live, video and audio sessions: one document, three kinds that differ by the table `KINDS`."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from mediaserver.base.errors import FieldError
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.documents.document import Consequential, Id, Index, Moment, Reference
from mediaserver.domain.documents.policy import (
    Policy,
    admin,
    any_of,
    anyone,
    of_published,
    open_or_known,
    owner,
)
from mediaserver.domain.text.text import Line, Prose

SessionKind = Literal["live", "video", "audio"]
SessionType = Literal["meeting", "broadcast"]
Status = Literal["scheduled", "live", "ended"]
Source = Literal["microphone", "camera", "screen", "screenAudio"]
MediaKind = Literal["audio", "video"]


@dataclass(frozen=True, slots=True)
class KindRules:
    """What one kind of session allows."""

    path: str
    media: tuple[MediaKind, ...]
    sources: tuple[Source, ...]
    bound_to: Literal["lesson_id", "course_id"]
    types: tuple[SessionType, ...] = ()
    """Empty: the kind knows no types."""
    absent_fields: tuple[str, ...] = ()
    """Wire names that sessions of this kind do not have."""


_ALL: tuple[Source, ...] = ("microphone", "camera", "screen", "screenAudio")
KINDS: dict[SessionKind, KindRules] = {
    "live": KindRules(
        "/live-sessions",
        ("audio", "video"),
        _ALL,
        "lesson_id",
        ("meeting", "broadcast"),
        ("audioStreamUrl",),
    ),
    "video": KindRules(
        "/video-sessions", ("audio", "video"), _ALL, "course_id", (), ("type", "lessonId", "audioStreamUrl")
    ),
    "audio": KindRules("/audio-sessions", ("audio",), ("microphone",), "course_id", (), ("type", "lessonId")),
}


MODERATOR = any_of(owner("moderator_user_id"), admin)


class Session(Consequential):
    """A planned or running meeting, or one that was; what happens inside it is for those who take part."""

    collection: ClassVar[str] = "sessions"
    policy: ClassVar[Policy] = Policy(
        create=anyone, read=any_of(open_or_known(), of_published(), admin), update=MODERATOR, delete=MODERATOR
    )
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("kind", "_id")),  # lists, newest first
        Index(("kind", "status", "_id")),
        Index(("kind", "start_time", "_id")),
        Index(("kind", "status", "start_time", "_id")),
        Index(("kind", "moderator_user_id", "_id")),
        Index(("kind", "course_id", "_id")),
        Index(("course_id", "status", "_id")),
        Index(("course_id", "status", "start_time", "_id")),
        Index(("course_id", "_id")),
        Index(("lesson_id", "_id")),
        Index(("announced", "_id"), partial={"announced": False}),
        Index(("occupied_at",), partial={"status": "live"}),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("moderator_user_id", "users", "keep", shown="moderator"),
        Reference("lesson_id", "lessons", "refuse"),
        Reference("course_id", "courses", "refuse", shown="course"),
    )

    summary: ClassVar[tuple[str, ...]] = ("kind", "title")

    kind: SessionKind
    type: SessionType | None = None
    """Live sessions only: in a broadcast only moderators and those they promote publish."""
    title: Annotated[Line, StringConstraints(min_length=1, max_length=200)]
    description: Annotated[Prose, StringConstraints(max_length=5000)] = ""
    lesson_id: Id | None = None
    course_id: Id | None = None
    """Of what is bound to a lesson, the lesson's."""
    start_time: Moment | None = None
    """The plan; starting and ending fill it when absent."""
    end_time: Moment | None = None
    moderator_user_id: str
    status: Status = "scheduled"
    started_at: Moment | None = None
    ended_at: Moment | None = None
    ends_when_empty: bool = True
    """Whether it ends by itself when nobody has been in it for a while (`rooms.end_empty_session_s`)."""
    occupied_at: Moment | None = Field(default=None, exclude=True)
    """When somebody was last seen in it, to about half a minute; None: nobody has joined yet."""
    audio_stream_url: str | None = Field(default=None, examples=[None])
    announced: bool | None = Field(default=None, exclude=True)
    """False from the start of what is bound to a course until those who take it were told; else None."""

    @property
    def rules(self) -> KindRules:
        return KINDS[self.kind]

    def is_moderated_by(self, actor: Actor) -> bool:
        return actor.is_admin or actor.user_id == self.moderator_user_id

    def everyone_publishes(self) -> bool:
        return self.type != "broadcast"


def faults(session: Session) -> list[FieldError]:
    """What is wrong with a session beyond the types of its fields."""
    found = []
    if session.start_time and session.end_time and session.end_time <= session.start_time:
        found.append(FieldError("endTime", "must be after startTime"))
    return found
