"""Assignments of lessons, and what students hand in for them."""

from mediaserver.api.declarations.resource import Resource, Within
from mediaserver.api.declarations.shapes import view_of
from mediaserver.api.learning.learning_views import OwnSubmissionView
from mediaserver.domain.learning.assignments import Assignment
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.submissions import Submission
from mediaserver.usecases.learning import assignments, submissions

SUBMISSION_VIEW = view_of(Submission)

ASSIGNMENTS = Resource(
    path="/assignments",
    document=Assignment,
    view=view_of(Assignment, submission=(OwnSubmissionView | None, ...)),
    within=(
        Within(
            path="/lessons/{id}/assignments",
            parent=Lesson,
            field="lesson_id",
            creates=True,
            inherits=("course_id",),
        ),
    ),
    create=("title", "description", "deadline"),
    update=("title", "description", "deadline"),
    filters=("course_id", "lesson_id"),
    sorts=("deadline",),
    deletable=True,
    creates=assignments.create,
    updates=assignments.update,
    describes=assignments.describe,
)

SUBMISSIONS = Resource(
    path="/submissions",
    document=Submission,
    view=SUBMISSION_VIEW,
    within=(
        Within(
            path="/assignments/{id}/submissions",
            parent=Assignment,
            field="assignment_id",
            creates=True,
            inherits=("lesson_id", "course_id"),
            filters=("user_id", "late"),
        ),
    ),
    create=("content",),
    update=("content",),
    filters=("course_id", "assignment_id", "user_id"),
    creates=submissions.create,
    updates=submissions.replace,
)
