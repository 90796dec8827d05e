"""Submissions: what one student hands in for an assignment, and what it was worth."""

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from mediaserver.domain.documents.document import Consequential, Id, Index, Moment, Reference, Value
from mediaserver.domain.documents.policy import Policy, any_of, anyone, owner
from mediaserver.domain.learning.content_blocks import Work
from mediaserver.domain.learning.levels import TEACHING
from mediaserver.domain.text.text import Prose


class Mark(Value):
    score: Annotated[float, Field(ge=0, le=100)]
    feedback: Annotated[Prose, StringConstraints(max_length=10_000)] = ""


class Grade(Mark):
    graded_by_user_id: Id
    graded_at: Moment


class Submission(Consequential):
    """What a student handed in for an assignment, and its grade."""

    collection: ClassVar[str] = "submissions"
    owned_by: ClassVar[str | None] = "user_id"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("assignment_id", "user_id"), unique=True),
        Index(("assignment_id", "_id")),
        Index(("user_id", "_id")),
        Index(("course_id", "_id")),
        Index(("lesson_id",)),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("assignment_id", "assignments", "cascade", shown="assignment"),
        Reference("user_id", "users", "cascade", shown="user"),
        Reference("lesson_id", "lessons", "cascade"),
        Reference("course_id", "courses", "cascade"),
        Reference("grade.graded_by_user_id", "users", "keep", shown="graded_by"),
    )
    policy: ClassVar[Policy] = Policy(
        create=anyone, read=any_of(owner("user_id"), TEACHING), update=owner("user_id"), delete=TEACHING
    )

    assignment_id: Id
    user_id: Id
    lesson_id: Id
    course_id: Id
    content: Work
    deadline: Moment
    """The assignment's."""
    timestamp: Moment
    """When what is there now was handed in."""
    late: bool
    grade: Grade | None = None


def is_late(handed_in: datetime, deadline: datetime) -> bool:
    return handed_in > deadline
