"""Courses beyond CRUD: found by their code, their page at once, the order of what they consist of."""

from typing import Annotated, Any

from pydantic import Field, create_model

from mediaserver.api.bodies import Body
from mediaserver.api.endpoint import Answer, Call, Endpoint
from mediaserver.api.learning_views import (
    AnySessionView,
    OutlineClipView,
    OutlineLevelView,
    OwnEnrollmentView,
    ReachedView,
)
from mediaserver.api.pagination import PageQuery, page
from mediaserver.api.resources.courses import COURSE_VIEW
from mediaserver.domain.document import Id
from mediaserver.domain.levels import Level
from mediaserver.domain.sessions import Status
from mediaserver.usecases import courses, ordering, outline, sessions, viewing
from mediaserver.usecases.describing import describe

_Ids = Annotated[list[Id], Field(max_length=1000, description="All of them, each once.")]

OutlineView: Any = create_model(
    "OutlineView",
    __base__=Body,
    course=(COURSE_VIEW, ...),
    enrollment=(OwnEnrollmentView | None, ...),
    progress=(ReachedView | None, ...),
    levels=(list[OutlineLevelView], ...),
    clips=(list[OutlineClipView] | None, Field(description="Null for who does not take the course.")),
    sessions=(list[AnySessionView], ...),
    assignments_count=(int, ...),
)


class CourseSessionsQuery(PageQuery):
    status: Status | None = None
    """Only those with this `status`."""
    lesson_id: Id | None = None
    """Only those of this lesson."""


class LevelOrder(Body):
    level_ids: _Ids


class LessonOrder(Body):
    lesson_ids: _Ids


async def _by_code(call: Call) -> Answer:
    course = await courses.by_code(call.context, call.actor, call.request.match_info["courseCode"])
    (wire,) = await describe(call.context, call.actor, [course])
    return Answer(wire, revision=course.revision)


async def _outline(call: Call) -> Answer:
    course = await courses.find(call.context, call.actor, call.id())
    return Answer(await outline.outline(call.context, call.actor, course))


async def _sessions(call: Call) -> Answer:
    course, query = await courses.find(call.context, call.actor, call.id()), call.query
    chosen = {"status": query.status, "lessonId": query.lesson_id}
    of = {"courseId": course.id} | {name: value for name, value in chosen.items() if value is not None}
    found = await call.context.sessions.page(of, [("_id", -1)], limit=query.limit, cursor=query.cursor)
    return page(await sessions.describe(call.context, call.actor, found.items), found.next_cursor)


async def _order_levels(call: Call) -> Answer:
    course = await courses.taught(call.context, call.actor, call.id())
    await ordering.reorder(call.context, course, call.body.level_ids, "levelIds")
    return Answer()


async def _order_lessons(call: Call) -> Answer:
    level = await viewing.find(call.context, call.actor, Level, call.id())
    await viewing.require(call.context, call.actor, Level.policy.update, level)
    await ordering.reorder(call.context, level, call.body.lesson_ids, "lessonIds")
    return Answer()


ENDPOINTS = [
    Endpoint(
        "GET", "/courses/by-code/{courseCode:[^/]+}", "The course with this code, whatever its case", _by_code,
        "Course", answer=COURSE_VIEW, errors=(403, 404),
    ),
    Endpoint(
        "GET", "/courses/{id}/outline", "A course page at once", _outline, "Course",
        answer=OutlineView, errors=(403, 404),
    ),
    Endpoint(
        "GET", "/courses/{id}/sessions", "Sessions of a course, of every kind", _sessions, "Course",
        query=CourseSessionsQuery, answer=AnySessionView, listed=True, errors=(403, 404),
    ),
    Endpoint(
        "PUT", "/courses/{id}/levels/order", "Number the levels of a course anew", _order_levels, "Level",
        body=LevelOrder, status=204, errors=(403, 404),
    ),
    Endpoint(
        "PUT", "/levels/{id}/lessons/order", "Number the lessons of a level anew", _order_lessons, "Lesson",
        body=LessonOrder, status=204, errors=(403, 404),
    ),
]  # fmt: skip
