"""Handing in: once per student, replaced until the deadline, with its grade; late where it first comes after."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mediaserver.base.clock import rfc3339
from mediaserver.base.errors import Conflict, NotFound
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.documents.document import to_stored
from mediaserver.domain.learning.assignments import Assignment
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.levels import TEACHING
from mediaserver.domain.learning.submissions import Grade, Mark, Submission, is_late
from mediaserver.usecases.access import course_access, viewer
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.learning import lesson_content
from mediaserver.usecases.notifications import notifications
from mediaserver.usecases.notifications.notifications import notify
from mediaserver.usecases.writes import settling


async def create(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Submission:
    """Hand in for `assignment_id`. Forbidden `not_enrolled`, Conflict `already_submitted`, Invalid."""
    assignment = await ctx.of(Assignment).get(fields["assignment_id"])
    await course_access.require_taking(ctx, actor, assignment.course_id)
    stamp = ctx.stamp()
    now = stamp["created_at"]
    submission = Submission(
        **stamp, user_id=actor.user_id, deadline=assignment.deadline, timestamp=now,
        late=is_late(now, assignment.deadline), **fields,
    )  # fmt: skip
    await lesson_content.check(ctx, actor.user_id, [("content", submission.content)])
    try:
        return await settling.add(ctx, submission)
    except Conflict as conflict:
        if conflict.code != "submission_exists":
            raise
        hint = "you have handed this in: PATCH /submissions/{id} replaces it until the deadline"
        raise Conflict("already_submitted", hint) from None


async def replace(ctx: Context, actor: Actor, before: Submission, fields: Mapping[str, Any]) -> Submission:
    """Hand in something else, without a grade. Forbidden `not_enrolled`, Conflict `deadline_passed`, Invalid."""
    await course_access.require_taking(ctx, actor, before.course_id)
    assignment = await ctx.of(Assignment).get(before.assignment_id)
    if is_late(ctx.clock(), assignment.deadline):
        raise Conflict("deadline_passed", "after the deadline nothing is replaced")
    known = {before.content.value} if isinstance(before.content.value, str) else set()
    after = before.model_copy(update=dict(fields))
    await lesson_content.check(ctx, actor.user_id, [("content", after.content)], known)
    # What it was worth was said of what goes.
    again = {"timestamp": ctx.clock(), "late": False, "grade": None}
    return await settling.change(ctx, before, {**fields, **again})


async def find(ctx: Context, actor: Actor, submission_id: str) -> Submission:
    """NotFound, Forbidden."""
    submission = await ctx.of(Submission).find_one({"_id": submission_id})
    if submission is None:
        raise NotFound("not_found", "there is no such submission")
    await viewer.require(ctx, actor, Submission.policy.read, submission)
    return submission


async def grade(
    ctx: Context, actor: Actor, submission: Submission, mark: Mark, handed_in: datetime | None = None
) -> Submission:
    """Say what it is worth, or something else than before; the student is told.

    Forbidden; Conflict `replaced` when there is something else now than in `submission`, or than was handed in
    at that time.
    """
    await require_teaching(ctx, actor, submission)
    if handed_in not in (None, submission.timestamp):
        raise _replaced()
    given = Grade(**mark.model_dump(), graded_by_user_id=actor.user_id, graded_at=ctx.clock())
    try:
        return await settling.change(
            ctx, submission, {"grade": given}, where={"content": to_stored(submission.content)}
        )
    except Conflict as conflict:
        if conflict.code != "submission_changed":
            raise
        raise _replaced() from None


def has_mark(submission: Submission, actor: Actor, mark: Mark, handed_in: datetime | None) -> bool:
    """Whether it has this grade by `actor` already, so that giving it again changes nothing."""
    grade = submission.grade
    if grade is None or handed_in not in (None, submission.timestamp):
        return False
    return grade.graded_by_user_id == actor.user_id and Mark(score=grade.score, feedback=grade.feedback) == mark


async def require_teaching(ctx: Context, actor: Actor, submission: Submission) -> None:
    """Forbidden."""
    await viewer.require(ctx, actor, TEACHING, submission)


def _replaced() -> Conflict:
    return Conflict("replaced", "the student has handed in something else: read that first")


async def _added(ctx: Context, submission: Submission) -> None:
    """The deadline may have moved since it was copied; whom it concerns is told."""
    assignment = await ctx.of(Assignment).find_one({"_id": submission.assignment_id})
    course = await ctx.of(Course).find_one({"_id": submission.course_id})
    if assignment is None or course is None:  # they are going, and this with them
        return
    if assignment.deadline != submission.deadline:
        changes = {"deadline": assignment.deadline, "late": is_late(submission.timestamp, assignment.deadline)}
        its = {"_id": submission.id, "timestamp": submission.timestamp}
        await ctx.of(Submission).update_one(its, set=changes, edits=False)
    about = {"assignmentId": assignment.id, "courseId": course.id, "submissionId": submission.id}
    about["title"] = assignment.title
    if submission.grade is None:
        await notify(ctx, [course.instructor_user_id], "submitted", about, submission.user_id)
    else:
        # Told again for each grade, to those too who blocked their teacher.
        about["gradedAt"] = rfc3339(submission.grade.graded_at)
        await notify(ctx, [submission.user_id], "graded", about)


async def _removed(ctx: Context, submission: Submission) -> None:
    await notifications.forget(ctx, submission.id)


CONSEQUENCES = Consequences(added=_added, removed=_removed, edited=True)
