"""Video clips: short films of a lesson, which courses show together; whoever takes such a course may watch."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from mediaserver.domain.documents.document import Consequential, Id, Index, Moment, Reference, UploadId
from mediaserver.domain.documents.policy import Policy, any_of, anyone, of_one_in
from mediaserver.domain.learning.lessons import NOT_ENROLLED, TAKING
from mediaserver.domain.learning.levels import TEACHING, Position
from mediaserver.domain.text.text import Line, Prose


class VideoClip(Consequential):
    """A short film of a lesson."""

    collection: ClassVar[str] = "clips"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("lesson_id", "_id")),
        Index(("course_id", "_id")),
        Index(("shown_in", "_id")),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("lesson_id", "lessons", "cascade", shown="lesson"),
        Reference("course_id", "courses", "cascade"),
        Reference("moderator_user_id", "users", "keep", shown="moderator"),
    )
    policy: ClassVar[Policy] = Policy(
        create=anyone,
        read=any_of(TAKING, of_one_in("shown_in")).refusing(NOT_ENROLLED.code, NOT_ENROLLED.detail),
        update=TEACHING,
        delete=TEACHING,
    )
    summary: ClassVar[tuple[str, ...]] = ("title", "duration_s")

    lesson_id: Id
    course_id: Id
    title: Annotated[Line, StringConstraints(min_length=1, max_length=200)]
    description: Annotated[Prose, StringConstraints(max_length=5000)] = ""
    upload: UploadId
    duration_s: Annotated[float, Field(ge=0, description="Seconds.")] | None = Field(
        default=None, alias="duration"
    )
    """Read from the file; null where it does not tell."""
    moderator_user_id: Id
    timestamp: Moment
    shown_in: list[str] = Field(default_factory=list, exclude=True)
    """Ids of the courses that show it, beside its own."""


class CourseVideoClipMapping(Consequential):
    """A course shows a clip."""

    collection: ClassVar[str] = "course_clips"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("course_id", "clip_id"), unique=True),
        Index(("course_id", "position", "_id")),
        Index(("clip_id",)),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("course_id", "courses", "cascade"),
        Reference("clip_id", "clips", "cascade"),
    )
    policy: ClassVar[Policy] = Policy(create=anyone, read=TAKING, update=TEACHING, delete=TEACHING)

    course_id: Id
    clip_id: Id
    position: Position = 0
