"""How far students have come: one document per student and lesson."""

from typing import ClassVar, Literal

from mediaserver.domain.documents.document import Consequential, Id, Index, Moment, Reference
from mediaserver.domain.documents.policy import Policy, all_of, any_of, enrolled, nobody, owner
from mediaserver.domain.learning.levels import TEACHING

CompletionStatus = Literal["not-started", "in-progress", "completed"]


OWN = all_of(owner("user_id"), enrolled())
"""One's own, as long as one takes the course; it is kept for when one comes back."""


class StudentProgress(Consequential):
    """How far a student is with a lesson."""

    collection: ClassVar[str] = "progress"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("user_id", "lesson_id"), unique=True),
        Index(("user_id", "course_id", "_id")),
        Index(("course_id", "user_id", "completion_status")),
        Index(("lesson_id",)),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("user_id", "users", "cascade"),
        Reference("lesson_id", "lessons", "cascade", shown="lesson"),
        Reference("course_id", "courses", "cascade"),
    )
    policy: ClassVar[Policy] = Policy(create=nobody, read=any_of(OWN, TEACHING), update=nobody, delete=nobody)

    user_id: Id
    course_id: Id
    lesson_id: Id
    completion_status: CompletionStatus
    timestamp: Moment


def percent(completed: int, lessons: int) -> int:
    """Whole percent, rounded down: 100 means all of them; 0 where there is nothing to complete."""
    return min(100, completed * 100 // lessons) if lessons else 0
