"""How far students are: each says it of themselves; instructors see it of all who take their course."""

from typing import Any

from pydantic import Field, create_model

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Accepts, Returns
from mediaserver.api.declarations.pagination import PageQuery, page
from mediaserver.api.learning.course_resources import PROGRESS_VIEW
from mediaserver.api.learning.learning_views import ReachedView, StudentReachedView
from mediaserver.domain.documents.document import Id
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.learning.progress import OWN, CompletionStatus, StudentProgress
from mediaserver.usecases.access import viewer
from mediaserver.usecases.learning import courses, progress
from mediaserver.usecases.representation import users
from mediaserver.usecases.representation.expansion import describe

_TAG = "StudentProgress"


class ProgressPut(Body):
    lesson_id: Id
    completion_status: CompletionStatus


class ProgressQuery(PageQuery):
    course_id: Id | None = None
    """Only in this course."""


class StudentsQuery(PageQuery):
    user_id: Id | None = None
    """Only of this student."""


OwnProgressView: Any = create_model(
    "OwnProgressView",
    __base__=Body,
    items=(list[PROGRESS_VIEW], ...),  # type: ignore[valid-type]
    next_cursor=(str | None, ...),
    progress=(
        ReachedView | None,
        Field(description="Of the whole course, where `courseId` names one that one takes."),
    ),
)


async def _put(call: Call) -> Answer:
    """Set your own completion status of a lesson of a course that you take."""
    stored = await progress.put(call.context, call.actor, call.body.lesson_id, call.body.completion_status)
    return Answer((await describe(call.context, call.actor, [stored]))[0])


async def _own(call: Call) -> Answer:
    """Return a page of your own progress records. With `courseId`, `progress` sums up that course."""
    ctx, query = call.context, call.query
    who = await viewer.viewer(ctx, call.actor, OWN.needs)
    own = OWN.filter(who) or {"_id": {"$in": []}}  # asked all the same, for the cursor to be judged
    where = {"$and": [own, {"courseId": query.course_id}]} if query.course_id else own
    found = await ctx.of(StudentProgress).page(where, limit=query.limit, cursor=query.cursor)
    items = await describe(ctx, who, found.items)
    pair = (who.user_id, query.course_id)
    reached = (await progress.reached(ctx, [pair]))[pair] if query.course_id in who.enrolled else None
    return Answer({"items": items, "nextCursor": found.next_cursor, "progress": reached})


async def _of_students(call: Call) -> Answer:
    """Return a page of the students of a course with how far each one has come. Only its instructor and admins
    may read this.
    """
    query, course = call.query, await courses.taught(call.context, call.actor, call.id())
    of = {"courseId": course.id} | ({"userId": query.user_id} if query.user_id else {})
    found = await call.context.of(Enrollment).page(of, limit=query.limit, cursor=query.cursor)
    unseen = await viewer.unseen(call.context, call.actor)
    people = await users.people(call.context, (one.user_id for one in found.items), unseen)
    reached = await progress.reached(call.context, [(one.user_id, course.id) for one in found.items])
    items = [
        {"enrollmentId": one.id, "userId": one.user_id, "user": people[one.user_id]}
        | reached[one.user_id, course.id]
        for one in found.items
    ]
    return page(items, found.next_cursor)


ENDPOINTS = [
    Endpoint(
        "PUT",
        "/progress",
        "Set your progress in a lesson",
        _put,
        _TAG,
        accepts=Accepts(body=ProgressPut),
        returns=Returns(model=PROGRESS_VIEW, errors=(403, 409)),
        name="setProgress",
    ),
    Endpoint(
        "GET",
        "/progress",
        "List your own progress",
        _own,
        _TAG,
        accepts=Accepts(query=ProgressQuery),
        returns=Returns(model=OwnProgressView),
        name="listProgress",
    ),
    Endpoint(
        "GET",
        "/courses/{id}/progress",
        "List the progress of the students of a course",
        _of_students,
        _TAG,
        accepts=Accepts(query=StudentsQuery),
        returns=Returns(model=StudentReachedView, page=True, errors=(403, 404)),
    ),
]
