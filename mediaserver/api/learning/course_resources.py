"""Courses with their levels, lessons and enrollments; how far students are."""

from typing import Annotated, Any, Literal, Union, get_args

from pydantic import create_model

from mediaserver.api.declarations.resource import Create, Delete, Listing, Resource, Update, Within
from mediaserver.api.declarations.shapes import shown, summary_of, view_of
from mediaserver.api.learning.learning_views import ReachedView
from mediaserver.domain.documents.document import Value
from mediaserver.domain.learning.clips import VideoClip
from mediaserver.domain.learning.content_blocks import Block, ClipBlock
from mediaserver.domain.learning.course_removals import CourseRemoval
from mediaserver.domain.learning.courses import INSTRUCTOR, Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.levels import Level
from mediaserver.domain.learning.progress import StudentProgress
from mediaserver.usecases.learning import courses, enrollments, lessons

_COURSE = ("course_code", "title", "description", "skill_id", "duration", "published")

_CLIP: dict[str, Any] = {"type": (Literal["clip"], ...), "value": (summary_of(VideoClip) | None, ...)}
ClipBlockView = create_model("ClipBlockView", __base__=Value, **_CLIP)


def _blocks() -> Any:
    """A lesson's content as answers have it."""
    union, discriminator = get_args(Block)
    parts = [ClipBlockView if part is ClipBlock else shown(part) for part in get_args(union)]
    return list[Annotated[Union[tuple(parts)], discriminator]]  # type: ignore[misc]  # noqa: UP007 - made at run time


COURSE_VIEW = view_of(Course)
LESSON_VIEW = view_of(Lesson, content=(_blocks(), ...))

COURSES = Resource(
    path="/courses",
    document=Course,
    listing=Listing(filters=("published", "instructor_user_id", "skill_id"), sorts=("title", "created_at")),
    create=Create(_COURSE),
    update=Update((*_COURSE, "instructor_user_id"), courses.update),
    delete=Delete(),
    view=COURSE_VIEW,
)

LEVELS = Resource(
    path="/levels",
    document=Level,
    listing=Listing(order=(("position", 1), ("_id", 1)), top_level=False),
    within=(
        Within(path="/courses/{id}/levels", parent=Course, field="course_id", creates=True, unfiltered=True),
    ),
    create=Create(("title", "position"), lessons.create_level),
    update=Update(("title", "position")),
    delete=Delete(),
)


LESSONS = Resource(
    path="/lessons",
    document=Lesson,
    listing=Listing(filters=("level_id", "course_id"), omits=("content", "text")),
    within=(
        Within(
            path="/levels/{id}/lessons",
            parent=Level,
            field="level_id",
            creates=True,
            inherits=("course_id",),
            order=(("position", 1), ("_id", 1)),
            unfiltered=True,
        ),
    ),
    create=Create(("title", "content", "position"), lessons.create),
    update=Update(("title", "content", "position", "level_id"), lessons.update),
    delete=Delete(),
    view=LESSON_VIEW,
    describe=lessons.describe,
)

ENROLLMENTS = Resource(
    path="/enrollments",
    document=Enrollment,
    listing=Listing(filters=("course_id", "user_id")),
    within=(
        Within(
            path="/courses/{id}/enrollments",
            parent=Course,
            field="course_id",
            restricted_to=INSTRUCTOR,
            filters=("user_id",),
        ),
    ),
    create=Create(("course_id",), enrollments.enroll),
    delete=Delete(enrollments.remove),
    view=view_of(Enrollment, progress=(ReachedView, ...)),
    describe=enrollments.describe,
)

COURSE_REMOVALS = Resource(
    path="/course-removals",
    document=CourseRemoval,
    listing=Listing(top_level=False),
    within=(
        Within(
            path="/courses/{id}/removals",
            parent=Course,
            field="course_id",
            summary="List the students whom the instructor removed from a course",
            restricted_to=INSTRUCTOR,
            filters=("user_id",),
        ),
    ),
    delete=Delete(),
)

PROGRESS_VIEW = view_of(StudentProgress)

PROGRESS = Resource(
    path="/progress",
    document=StudentProgress,
    listing=Listing(top_level=False),
    view=PROGRESS_VIEW,
    noun="record of progress",
)
