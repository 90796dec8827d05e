"""Who may be in sessions of courses: those who take the course, its instructor, the moderator, admins."""

from collections.abc import Collection, Sequence

from mediaserver.base.errors import Forbidden
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.learning.lessons import NOT_ENROLLED
from mediaserver.domain.sessions.sessions import Session
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Context


async def passes(ctx: Context, user_id: str, session: Session) -> bool:
    """Whether this person, no admin, may be in the session as far as courses are concerned."""
    if session.course_id is None or user_id == session.moderator_user_id:
        return True
    return await takes(ctx, user_id, session.course_id) or await ctx.of(Course).exists(
        {"_id": session.course_id, "instructorUserId": user_id}
    )


async def who_passes(ctx: Context, user_ids: Collection[str], session: Session) -> set[str]:
    """Those of these people who pass as `passes` says, in two queries for all of them."""
    if session.course_id is None or not user_ids:
        return set(user_ids)
    taking = {"userId": {"$in": list(user_ids)}, "courseId": session.course_id}
    allowed = set(await ctx.of(Enrollment).values(taking, "userId")) | {session.moderator_user_id}
    teachers = await ctx.of(Course).values({"_id": session.course_id}, "instructorUserId")
    return allowed.union(teachers).intersection(user_ids)


async def passed(ctx: Context, actor: Actor, session_ids: Sequence[str]) -> list[str]:
    """Those of these sessions that this person `passes`."""
    who = await viewer.viewer(ctx, actor, {"courses"})
    open_ = [{"courseId": {"$in": [None, *who.enrolled, *who.teaches]}}, {"moderatorUserId": who.user_id}]
    return await ctx.sessions.values({"_id": {"$in": list(session_ids)}, "$or": open_}, "_id")


async def takes(ctx: Context, user_id: str, course_id: str) -> bool:
    return await ctx.of(Enrollment).exists({"userId": user_id, "courseId": course_id})


async def require(ctx: Context, actor: Actor, session: Session) -> None:
    """Forbidden `not_enrolled`."""
    if not (actor.is_admin or await passes(ctx, actor.user_id, session)):
        raise _not_enrolled()


async def require_taking(ctx: Context, actor: Actor, course_id: str) -> None:
    """Forbidden `not_enrolled`, for the instructor too: for what only students do."""
    if not await takes(ctx, actor.user_id, course_id):
        raise _not_enrolled()


def _not_enrolled() -> Forbidden:
    return Forbidden(NOT_ENROLLED.code, NOT_ENROLLED.detail)
