"""How far students are: each says it of themselves; instructors see it of all who take their course."""

from typing import Any

from pydantic import Field, create_model

from mediaserver.api.bodies import Body
from mediaserver.api.endpoint import Answer, Call, Endpoint
from mediaserver.api.learning_views import ReachedView, StudentReachedView
from mediaserver.api.pagination import PageQuery, page
from mediaserver.api.resources.courses import PROGRESS_VIEW
from mediaserver.domain.document import Id
from mediaserver.domain.enrollments import Enrollment
from mediaserver.domain.progress import CompletionStatus, StudentProgress
from mediaserver.usecases import courses, progress, users
from mediaserver.usecases.describing import describe

_TAG = "StudentProgress"


class ProgressPut(Body):
    lesson_id: Id
    completion_status: CompletionStatus


class ProgressQuery(PageQuery):
    course_id: Id | None = None
    """Only in this course."""


OwnProgressView: Any = create_model(
    "OwnProgressView",
    __base__=Body,
    items=(list[PROGRESS_VIEW], ...),  # type: ignore[valid-type]
    next_cursor=(str | None, ...),
    progress=(ReachedView | None, Field(description="Of the whole course, where `courseId` names one.")),
)


async def _put(call: Call) -> Answer:
    stored = await progress.put(call.context, call.actor, call.body.lesson_id, call.body.completion_status)
    return Answer((await describe(call.context, call.actor, [stored]))[0])


async def _own(call: Call) -> Answer:
    query, who = call.query, call.actor.user_id
    of = {"courseId": query.course_id} if query.course_id else {}
    found = await call.context.of(StudentProgress).page(
        {"userId": who, **of}, limit=query.limit, cursor=query.cursor
    )
    items = await describe(call.context, call.actor, found.items)
    pair = (who, query.course_id)
    reached = (await progress.reached(call.context, [pair]))[pair] if query.course_id else None
    return Answer({"items": items, "nextCursor": found.next_cursor, "progress": reached})


async def _of_students(call: Call) -> Answer:
    query, course = call.query, await courses.taught(call.context, call.actor, call.id())
    found = await call.context.of(Enrollment).page(
        {"courseId": course.id}, limit=query.limit, cursor=query.cursor
    )
    people = await users.people(call.context, (one.user_id for one in found.items))
    reached = await progress.reached(call.context, [(one.user_id, course.id) for one in found.items])
    items = [
        {"enrollmentId": one.id, "userId": one.user_id, "user": people[one.user_id]}
        | reached[one.user_id, course.id]
        for one in found.items
    ]
    return page(items, found.next_cursor)


ENDPOINTS = [
    Endpoint(
        "PUT", "/progress", "Say how far one is with a lesson", _put, _TAG,
        body=ProgressPut, answer=PROGRESS_VIEW, errors=(403, 409),
    ),
    Endpoint(
        "GET", "/progress", "List one's own progress", _own, _TAG,
        query=ProgressQuery, answer=OwnProgressView,
    ),
    Endpoint(
        "GET", "/courses/{id}/progress", "How far each student of a course is", _of_students, _TAG,
        query=PageQuery, answer=StudentReachedView, listed=True, errors=(403, 404),
    ),
]  # fmt: skip
