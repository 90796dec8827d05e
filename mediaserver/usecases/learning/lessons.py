"""Levels and lessons: made at the end of their order; their blocks name what is there and theirs to show."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from mediaserver.base.errors import FieldError, Invalid, NotFound
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.levels import Level
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.learning import lesson_content, ordering
from mediaserver.usecases.representation import expansion
from mediaserver.usecases.writes import counters, settling

Wire = dict[str, Any]


async def create_level(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Level:
    """A level of `course_id`, the last one unless a position is given. Forbidden."""
    given = dict(fields)
    if "position" not in given:
        given["position"] = await ordering.next_position(ctx, Course, given["course_id"])
    level = Level(**ctx.stamp(), **given)
    await viewer.require(ctx, actor, Level.policy.update, level)
    return await settling.add(ctx, level)


async def create(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Lesson:
    """A lesson of `level_id`, the last one unless a position is given. Forbidden; Invalid names bad blocks."""
    given = {"position": None, "content": [], **fields}
    if given["position"] is None:
        given["position"] = await ordering.next_position(ctx, Level, given["level_id"])
    stamp = ctx.stamp()
    lesson = Lesson(**stamp, timestamp=stamp["created_at"], **given, **Lesson.derived(given))
    await viewer.require(ctx, actor, Lesson.policy.update, lesson)
    clips, faults = await _looked_at(ctx, actor, lesson)
    if faults:
        raise Invalid("invalid", "some blocks cannot be shown", faults)
    return await settling.add(ctx, lesson.model_copy(update=clips), owner=actor.user_id)


async def update(ctx: Context, actor: Actor, lesson: Lesson, fields: Mapping[str, Any]) -> Lesson:
    """Change a lesson; to another level only of the same course. Invalid names that and every bad block."""
    changes = dict(fields)
    faults = await _level_faults(ctx, lesson, fields.get("level_id", lesson.level_id))
    if "content" in fields:
        known = {block.value for block in lesson.content if isinstance(block.value, str)}
        after = lesson.model_copy(update={"content": fields["content"]})
        clips, wrong = await _looked_at(ctx, actor, after, known)
        changes |= clips
        faults += wrong
    if faults:
        raise Invalid("invalid", "the lesson cannot be so", faults)
    return await settling.change(ctx, lesson, changes, owner=actor.user_id)


async def find(ctx: Context, actor: Actor, lesson_id: str) -> Lesson:
    """A lesson that `actor` may read. NotFound, Forbidden `not_enrolled`."""
    lesson = await ctx.of(Lesson).find_one({"_id": lesson_id})
    if lesson is None:
        raise NotFound("not_found", "there is no such lesson")
    await viewer.require(ctx, actor, Lesson.policy.read, lesson)
    return lesson


async def describe(ctx: Context, reader: Actor, found: Sequence[Lesson]) -> list[Wire]:
    """Lessons as the wire has them; an upload that is gone leaves null."""
    wires = await expansion.describe(ctx, reader, found)
    wanted = [block.value for lesson in found for _, block in lesson.clip_blocks()]
    clips = await expansion.summaries(ctx, "clips", wanted)
    for lesson, wire in zip(found, wires, strict=True):
        for at, block in lesson.clip_blocks():
            wire["content"][at]["value"] = clips.get(block.value)
    return wires


async def _level_faults(ctx: Context, lesson: Lesson, level_id: str) -> list[FieldError]:
    its = {"_id": level_id, "courseId": lesson.course_id}
    if level_id == lesson.level_id or await ctx.of(Level).exists(its):
        return []
    return [FieldError("levelId", "must be a level of the same course")]


async def _looked_at(
    ctx: Context, actor: Actor, lesson: Lesson, known: Set[str] = frozenset()
) -> tuple[dict[str, list[str]], list[FieldError]]:
    """The fields that name the clips in its content, and its faults; `known` are uploads that stood there."""
    placed = [(f"content.{at}", block) for at, block in enumerate(lesson.content)]
    clips, wrong = await lesson_content.clips(ctx, lesson.course_id, placed)
    return clips, [*await lesson_content.faults(ctx, actor.user_id, placed, known), *wrong]


async def _added(ctx: Context, lesson: Lesson) -> None:
    await counters.count(ctx, Course, lesson.course_id, "lessonsCount", 1, lesson)


async def _removed(ctx: Context, lesson: Lesson) -> None:
    await counters.count(ctx, Course, lesson.course_id, "lessonsCount", -1, lesson)


async def _tidy(ctx: Context, lesson: Lesson) -> None:
    await counters.forget(ctx, Course, lesson.course_id, "lessonsCount", lesson)


LEVEL_CONSEQUENCES = Consequences(added=ordering.apply, edited=True)
CONSEQUENCES = Consequences(_added, _removed, _tidy)
