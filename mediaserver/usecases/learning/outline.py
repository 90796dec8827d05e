"""A course page's worth of data at once: what it teaches, how far one has come in it, what happens next.

As many queries for a course of a thousand lessons as for one of three.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.documents.document import Document
from mediaserver.domain.learning.assignments import Assignment
from mediaserver.domain.learning.clips import CourseVideoClipMapping, VideoClip
from mediaserver.domain.learning.courses import TAKING_COURSE, Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.levels import Level
from mediaserver.domain.learning.progress import StudentProgress
from mediaserver.domain.sessions.sessions import Session
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Context
from mediaserver.usecases.learning import progress
from mediaserver.usecases.representation.expansion import describe
from mediaserver.usecases.sessions import sessions

Wire = dict[str, Any]

_IN_ORDER = [("position", 1), ("_id", 1)]
_MOST_SESSIONS: Final = 50
_LATE: Final = timedelta(days=1)
"""So long after its time a session that has not begun counts as coming."""


async def outline(ctx: Context, reader: Actor, course: Course) -> Wire:
    """For whoever may see the course: titles, no content. What is only for the enrolled is null for others."""
    (levels, lessons, assigned), (enrollment, reached), clips, upcoming, (wire,) = await asyncio.gather(
        _contents(ctx, course),
        _own(ctx, reader, course),
        _clips(ctx, reader, course),
        _sessions(ctx, reader, course),
        describe(ctx, reader, [course]),
    )
    return {
        "course": wire,
        "enrollment": enrollment and _briefly(enrollment, "id", "enrollment_date"),
        "progress": progress.summary(len(lessons), list(reached.values())) if enrollment else None,
        "levels": _levels(levels, lessons, Counter(assigned), reached if enrollment else None),
        "clips": clips,
        "sessions": upcoming,
        "assignmentsCount": len(assigned),
    }


async def _contents(ctx: Context, course: Course) -> tuple[list[Level], list[Lesson], list[str]]:
    """Levels, lessons, and the lesson of each assignment."""
    of = {"courseId": course.id}
    levels, lessons, assigned = await asyncio.gather(
        ctx.of(Level).find(of, _IN_ORDER),
        ctx.of(Lesson).find(of, _IN_ORDER, without=("content", "text")),
        ctx.of(Assignment).values(of, "lessonId"),
    )
    return levels, lessons, assigned


async def _own(
    ctx: Context, reader: Actor, course: Course
) -> tuple[Enrollment | None, dict[str, StudentProgress]]:
    own = {"courseId": course.id, "userId": reader.user_id}
    enrollment, statuses = await asyncio.gather(
        ctx.of(Enrollment).find_one(own), ctx.of(StudentProgress).find(own)
    )
    return enrollment, {one.lesson_id: one for one in statuses}


def _levels(
    levels: Sequence[Level],
    lessons: Sequence[Lesson],
    assigned: Mapping[str, int],
    reached: Mapping[str, StudentProgress] | None,
) -> list[Wire]:
    within: dict[str, list[Wire]] = defaultdict(list)
    for lesson in lessons:
        known = reached.get(lesson.id) if reached is not None else None
        status = (known.completion_status if known else "not-started") if reached is not None else None
        more = {"completionStatus": status, "assignmentsCount": assigned.get(lesson.id, 0)}
        within[lesson.level_id].append(_briefly(lesson, "id", "title", "position") | more)
    return [_briefly(level, "id", "title", "position") | {"lessons": within[level.id]} for level in levels]


async def _clips(ctx: Context, reader: Actor, course: Course) -> list[Wire] | None:
    """By the rule of `GET /courses/{id}/clips`."""
    if not await viewer.allows(ctx, reader, TAKING_COURSE, course):
        return None
    shown = await ctx.of(CourseVideoClipMapping).find({"courseId": course.id}, _IN_ORDER)
    clips = await ctx.of(VideoClip).by_ids(one.clip_id for one in shown)
    return [
        _briefly(clip, "id", "lesson_id", "title", "description", "duration_s")
        | {"mappingId": one.id, "position": one.position}
        for one in shown
        if (clip := clips.get(one.clip_id))
    ]


async def _sessions(ctx: Context, reader: Actor, course: Course) -> list[Wire]:
    """Those that run, then those that are planned, the next first, those without a time last."""
    coming = (
        {"status": "live"},
        {"status": "scheduled", "startTime": {"$gte": ctx.clock() - _LATE}},
        {"status": "scheduled", "startTime": None},
    )
    by_time = [("startTime", 1), ("_id", 1)]
    parts = await asyncio.gather(
        *(ctx.of(Session).find({"courseId": course.id, **of}, by_time, limit=_MOST_SESSIONS) for of in coming)
    )
    found = [one for part in parts for one in part]
    return await sessions.describe(ctx, reader, found[:_MOST_SESSIONS])


def _briefly(document: Document, *fields: str) -> Wire:
    return document.model_dump(mode="json", by_alias=True, include=set(fields))
