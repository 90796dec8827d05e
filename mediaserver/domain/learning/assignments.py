"""Assignments: what a lesson asks its students to hand in until a deadline."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from mediaserver.domain.documents.document import Consequential, Id, Index, Moment, Reference
from mediaserver.domain.documents.policy import Policy, anyone
from mediaserver.domain.learning.lessons import TAKING
from mediaserver.domain.learning.levels import TEACHING
from mediaserver.domain.text.text import Line, Prose


class Assignment(Consequential):
    """A task for the students of a course, to be handed in until a deadline."""

    collection: ClassVar[str] = "assignments"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("lesson_id", "_id")),
        Index(("course_id", "_id")),
        Index(("deadline", "_id")),
        Index(("announced", "_id"), partial={"announced": False}),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("lesson_id", "lessons", "cascade", shown="lesson"),
        Reference("course_id", "courses", "cascade", shown="course"),
    )
    policy: ClassVar[Policy] = Policy(create=anyone, read=TAKING, update=TEACHING, delete=TEACHING)
    summary: ClassVar[tuple[str, ...]] = ("title", "deadline")

    lesson_id: Id
    course_id: Id
    title: Annotated[Line, StringConstraints(min_length=1, max_length=200)]
    description: Annotated[Prose, StringConstraints(max_length=20_000)] = ""
    deadline: Moment
    timestamp: Moment
    announced: bool = Field(default=False, exclude=True)
    """Those who take the course were told."""
