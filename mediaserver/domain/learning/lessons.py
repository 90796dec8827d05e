"""Lessons: what a level teaches, in typed blocks; titles are for all, content is for the enrolled."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from mediaserver.domain.documents.document import Consequential, Id, Index, Moment, Reference
from mediaserver.domain.documents.policy import Policy, Refusal, any_of, anyone, enrolled
from mediaserver.domain.learning.content_blocks import MEDIA_CLASSES, Block, ClipBlock, words
from mediaserver.domain.learning.levels import TEACHING, Position
from mediaserver.domain.text.text import Line

NOT_ENROLLED = Refusal("not_enrolled", "that is for those who take this course")
TAKING = any_of(enrolled(), TEACHING).refusing(NOT_ENROLLED.code, NOT_ENROLLED.detail)
"""Those who take the course that something belongs to, and those who teach it."""

_LONGEST_SEARCHED = 100_000


class Lesson(Consequential):
    """A page of a course, made of typed blocks."""

    collection: ClassVar[str] = "lessons"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("level_id", "position", "_id")),
        Index(("course_id", "position", "_id")),
        Index(("clip_ids",)),
        Index(("course_clip_ids",)),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("level_id", "levels", "cascade"),
        Reference("course_id", "courses", "cascade", shown="course"),
        Reference("clip_ids", "clips", "refuse"),
        Reference("course_clip_ids", "course_clips", "refuse"),
    )
    policy: ClassVar[Policy] = Policy(create=anyone, read=TAKING, update=TEACHING, delete=TEACHING)
    searched: ClassVar[tuple[str, ...]] = ("title", "text")
    summary: ClassVar[tuple[str, ...]] = ("title", "position")

    level_id: Id
    course_id: Id
    title: Annotated[Line, StringConstraints(min_length=1, max_length=200)]
    content: Annotated[list[Block], Field(max_length=200)] = Field(default_factory=list)
    text: str = Field(default="", exclude=True)
    """The words of the content."""
    clip_ids: list[str] = Field(default_factory=list, exclude=True)
    """Of its course's clips those that its blocks show."""
    course_clip_ids: list[str] = Field(default_factory=list, exclude=True)
    """Of other courses' clips that its blocks show, by which its course shows them (`CourseVideoClipMapping`)."""
    position: Position = 0
    timestamp: Moment

    @classmethod
    def derived(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        if "content" not in fields:
            return {}
        readable = [block for block in fields["content"] if block.type not in (*MEDIA_CLASSES, "clip")]
        return {"text": words(readable)[:_LONGEST_SEARCHED]}

    def clip_blocks(self) -> list[tuple[int, ClipBlock]]:
        """With their places in the content."""
        return [(at, block) for at, block in enumerate(self.content) if isinstance(block, ClipBlock)]
