"""Courses with their levels, lessons and enrollments; how far students are."""

from typing import Annotated, Any, Literal, Union, get_args

from pydantic import create_model

from mediaserver.api.declarations.resource import Resource, Within
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
    view=COURSE_VIEW,
    create=_COURSE,
    update=(*_COURSE, "instructor_user_id"),
    filters=("published", "instructor_user_id", "skill_id"),
    sorts=("title", "created_at"),
    deletable=True,
    updates=courses.update,
)

LEVELS = Resource(
    path="/levels",
    document=Level,
    listed=False,
    within=(Within(path="/courses/{id}/levels", parent=Course, field="course_id", creates=True, open=True),),
    create=("title", "position"),
    update=("title", "position"),
    sort=(("position", 1), ("_id", 1)),
    deletable=True,
    creates=lessons.create_level,
)


LESSONS = Resource(
    path="/lessons",
    document=Lesson,
    view=LESSON_VIEW,
    within=(
        Within(
            path="/levels/{id}/lessons",
            parent=Level,
            field="level_id",
            creates=True,
            inherits=("course_id",),
            sort=(("position", 1), ("_id", 1)),
            open=True,
        ),
    ),
    create=("title", "content", "position"),
    update=("title", "content", "position", "level_id"),
    filters=("level_id", "course_id"),
    brief=("content", "text"),
    deletable=True,
    creates=lessons.create,
    updates=lessons.update,
    describes=lessons.describe,
)

ENROLLMENTS = Resource(
    path="/enrollments",
    document=Enrollment,
    view=view_of(Enrollment, progress=(ReachedView, ...)),
    within=(
        Within(
            path="/courses/{id}/enrollments",
            parent=Course,
            field="course_id",
            asks=INSTRUCTOR,
            filters=("user_id",),
        ),
    ),
    create=("course_id",),
    filters=("course_id", "user_id"),
    deletable=True,
    creates=enrollments.enroll,
    deletes=enrollments.remove,
    describes=enrollments.describe,
)

COURSE_REMOVALS = Resource(
    path="/course-removals",
    document=CourseRemoval,
    listed=False,
    within=(
        Within(
            path="/courses/{id}/removals",
            parent=Course,
            field="course_id",
            summary="List the students whom the instructor removed from a course",
            asks=INSTRUCTOR,
            filters=("user_id",),
        ),
    ),
    deletable=True,
)

PROGRESS_VIEW = view_of(StudentProgress)

PROGRESS = Resource(
    path="/progress", document=StudentProgress, noun="record of progress", view=PROGRESS_VIEW, listed=False
)
