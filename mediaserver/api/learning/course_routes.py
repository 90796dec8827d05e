"""Courses beyond CRUD: found by their code, their page at once, the order of what they consist of."""

from typing import Annotated, Any

from pydantic import Field, create_model

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Accepts, Returns
from mediaserver.api.declarations.pagination import PageQuery, page
from mediaserver.api.declarations.views import AnySessionView
from mediaserver.api.learning.course_resources import COURSE_VIEW
from mediaserver.api.learning.learning_views import (
    OutlineClipView,
    OutlineLevelView,
    OwnEnrollmentView,
    ReachedView,
)
from mediaserver.domain.documents.document import Id
from mediaserver.domain.learning.levels import Level
from mediaserver.domain.sessions.sessions import Status
from mediaserver.usecases.access import viewer
from mediaserver.usecases.learning import courses, ordering, outline
from mediaserver.usecases.representation.expansion import describe
from mediaserver.usecases.sessions import sessions

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
    """Return the course with this code; upper and lower case are the same."""
    course = await courses.by_code(call.context, call.actor, call.request.match_info["courseCode"])
    (wire,) = await describe(call.context, call.actor, [course])
    return Answer(wire, revision=course.revision)


async def _outline(call: Call) -> Answer:
    """Return everything that a course page shows in one answer: the course, your enrollment and progress, levels
    with their lessons, clips and the next sessions.
    """
    course = await courses.find(call.context, call.actor, call.id())
    return Answer(await outline.outline(call.context, call.actor, course))


async def _sessions(call: Call) -> Answer:
    """Return a page of the live, video and audio sessions of a course, newest first. `kind` tells them apart."""
    course, query = await courses.find(call.context, call.actor, call.id()), call.query
    chosen = {"status": query.status, "lessonId": query.lesson_id}
    of = {"courseId": course.id} | {name: value for name, value in chosen.items() if value is not None}
    found = await call.context.sessions.page(of, [("_id", -1)], limit=query.limit, cursor=query.cursor)
    return page(await sessions.describe(call.context, call.actor, found.items), found.next_cursor)


async def _order_levels(call: Call) -> Answer:
    """Put the levels of a course in a new order. The list must contain the id of every level exactly once."""
    course = await courses.taught(call.context, call.actor, call.id())
    await ordering.reorder(call.context, course, call.body.level_ids, "levelIds")
    return Answer()


async def _order_lessons(call: Call) -> Answer:
    """Put the lessons of a level in a new order. The list must contain the id of every lesson exactly once."""
    level = await viewer.find(call.context, call.actor, Level, call.id())
    await viewer.require(call.context, call.actor, Level.policy.update, level)
    await ordering.reorder(call.context, level, call.body.lesson_ids, "lessonIds")
    return Answer()


ENDPOINTS = [
    Endpoint(
        "GET",
        "/courses/by-code/{courseCode:[^/]+}",
        "Read the course with a code",
        _by_code,
        "Course",
        returns=Returns(model=COURSE_VIEW, errors=(403, 404)),
        name="getCourseByCode",
    ),
    Endpoint(
        "GET",
        "/courses/{id}/outline",
        "Read everything on a course page",
        _outline,
        "Course",
        returns=Returns(model=OutlineView, errors=(403, 404)),
    ),
    Endpoint(
        "GET",
        "/courses/{id}/sessions",
        "List the sessions of a course",
        _sessions,
        "Course",
        accepts=Accepts(query=CourseSessionsQuery),
        returns=Returns(model=AnySessionView, page=True, errors=(403, 404)),
    ),
    Endpoint(
        "PUT",
        "/courses/{id}/levels/order",
        "Reorder the levels of a course",
        _order_levels,
        "Level",
        accepts=Accepts(body=LevelOrder),
        returns=Returns(status=204, errors=(403, 404)),
    ),
    Endpoint(
        "PUT",
        "/levels/{id}/lessons/order",
        "Reorder the lessons of a level",
        _order_lessons,
        "Lesson",
        accepts=Accepts(body=LessonOrder),
        returns=Returns(status=204, errors=(403, 404)),
    ),
]
