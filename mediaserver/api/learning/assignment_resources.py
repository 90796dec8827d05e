"""Assignments of lessons, and what students hand in for them."""

from mediaserver.api.declarations.resource import Create, Delete, Listing, Resource, Update, Within
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
    listing=Listing(filters=("course_id", "lesson_id"), sorts=("deadline",)),
    within=(
        Within(
            path="/lessons/{id}/assignments",
            parent=Lesson,
            field="lesson_id",
            creates=True,
            inherits=("course_id",),
        ),
    ),
    create=Create(("title", "description", "deadline"), assignments.create),
    update=Update(("title", "description", "deadline"), assignments.update),
    delete=Delete(),
    view=view_of(Assignment, submission=(OwnSubmissionView | None, ...)),
    describe=assignments.describe,
)

SUBMISSIONS = Resource(
    path="/submissions",
    document=Submission,
    listing=Listing(filters=("course_id", "assignment_id", "user_id")),
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
    create=Create(("content",), submissions.create),
    update=Update(("content",), submissions.replace),
    view=SUBMISSION_VIEW,
)
