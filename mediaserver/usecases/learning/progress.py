"""How far students have come: each lesson's status once per student, and what that makes of a course."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from mediaserver.base.clock import rfc3339
from mediaserver.base.errors import FieldError, Invalid
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.progress import CompletionStatus, StudentProgress, percent
from mediaserver.usecases.access import course_access
from mediaserver.usecases.context import Context
from mediaserver.usecases.writes import settling

Wire = dict[str, Any]


async def put(ctx: Context, actor: Actor, lesson_id: str, status: CompletionStatus) -> StudentProgress:
    """Say how far `actor` is with a lesson; of several at once the last one counts. Invalid, Forbidden."""
    lesson = await ctx.of(Lesson).find_one({"_id": lesson_id})
    if lesson is None:
        fault = FieldError("lessonId", "there is no such lesson")
        raise Invalid("missing_reference", "this refers to something that is not there", [fault])
    await course_access.require_taking(ctx, actor, lesson.course_id)
    if changed := await _change(ctx, actor, lesson_id, status):
        return changed
    stamp = ctx.stamp()
    begun = StudentProgress(
        **stamp, user_id=actor.user_id, course_id=lesson.course_id, lesson_id=lesson.id,
        completion_status=status, timestamp=stamp["created_at"],
    )  # fmt: skip
    stored, is_first = await settling.add_once(ctx, begun, {"userId": actor.user_id, "lessonId": lesson_id})
    if is_first:
        return stored
    # Another request of theirs was first: this one comes after it.
    return await _change(ctx, actor, lesson_id, status) or stored


async def _change(ctx: Context, actor: Actor, lesson_id: str, status: CompletionStatus) -> StudentProgress | None:
    """None when there is none yet. Saying the same again changes nothing."""
    its = {"userId": actor.user_id, "lessonId": lesson_id, "gone": {"$ne": True}}
    changes = {"completionStatus": status, "timestamp": ctx.clock()}
    stored = ctx.of(StudentProgress)
    if changed := await stored.update_one({**its, "completionStatus": {"$ne": status}}, set=changes):
        return changed
    return await stored.find_one(its)


async def reached(ctx: Context, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Wire]:
    """`{lessons, completed, inProgress, percent, lastActivity}` by person and course, by two queries."""
    wanted = list(dict.fromkeys(pairs))
    courses = await ctx.of(Course).by_ids(course_id for _, course_id in wanted)
    counted = await _counted(ctx, wanted)
    return {pair: _reached(courses.get(pair[1]), counted.get(pair, {})) for pair in wanted}


async def _counted(ctx: Context, pairs: list[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    if not pairs:
        return {}
    match = {
        "courseId": {"$in": list({course_id for _, course_id in pairs})},
        "userId": {"$in": list({user_id for user_id, _ in pairs})},
        "gone": {"$ne": True},
    }
    key = {"user": "$userId", "course": "$courseId", "status": "$completionStatus"}
    group = {"_id": key, "n": {"$sum": 1}, "last": {"$max": "$timestamp"}}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in await ctx.of(StudentProgress).aggregate([{"$match": match}, {"$group": group}]):
        of = found.setdefault((one["_id"]["user"], one["_id"]["course"]), {"last": one["last"]})
        of[one["_id"]["status"]] = one["n"]
        of["last"] = max(of["last"], one["last"])
    return found


def _reached(course: Course | None, counted: dict[str, Any]) -> Wire:
    lessons, last = course.lessons_count if course else 0, counted.get("last")
    return _summary(lessons, counted.get("completed", 0), counted.get("in-progress", 0), last)


def summary(lessons: int, statuses: Sequence[StudentProgress]) -> Wire:
    """The same of one person's statuses in a course of so many lessons."""
    counted = Counter(one.completion_status for one in statuses)
    last = max((one.timestamp for one in statuses), default=None)
    return _summary(lessons, counted["completed"], counted["in-progress"], last)


def _summary(lessons: int, completed: int, in_progress: int, last: datetime | None) -> Wire:
    return {
        "lessons": lessons,
        "completed": completed,
        "inProgress": in_progress,
        "percent": percent(completed, lessons),
        "lastActivity": rfc3339(last) if last else None,
    }
