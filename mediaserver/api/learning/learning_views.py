"""Shapes of answers about learning that are more than a document."""

from typing import Any

from pydantic import Field

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.shapes import part_view
from mediaserver.api.declarations.views import PersonView
from mediaserver.domain.documents.document import Moment
from mediaserver.domain.learning.progress import CompletionStatus
from mediaserver.domain.learning.submissions import Submission


class ReachedView(Body):
    """How far one person has come in a course."""

    lessons: int = Field(description="Of the course.")
    completed: int
    in_progress: int
    percent: int = Field(description="Completed of all, rounded down; 0 for a course without lessons.")
    last_activity: Moment | None


class StudentReachedView(ReachedView):
    """How far one student of a course has come."""

    enrollment_id: str
    user_id: str
    user: PersonView


class OutlineLessonView(Body):
    id: str
    title: str
    position: int
    completion_status: CompletionStatus | None = Field(description="One's own; null for who does not take it.")
    assignments_count: int


class OutlineLevelView(Body):
    id: str
    title: str
    position: int
    lessons: list[OutlineLessonView]


class OutlineClipView(Body):
    id: str
    mapping_id: str
    position: int
    lesson_id: str
    title: str
    description: str
    duration: float | None = Field(description="Seconds.")


_GRADE: Any = part_view(Submission, "grade")


class OwnSubmissionView(Body):
    """What the reader handed in, without its content."""

    id: str
    timestamp: Moment
    late: bool
    grade: _GRADE | None


class OwnEnrollmentView(Body):
    id: str
    enrollment_date: Moment
