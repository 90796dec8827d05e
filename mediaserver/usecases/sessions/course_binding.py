"""What a session may be bound to: a course or a lesson of one, by whoever teaches it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mediaserver.base.errors import FieldError, Forbidden
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Context

FIELDS: Final = ("lesson_id", "course_id")


@dataclass(frozen=True, slots=True)
class Bound:
    fields: dict[str, Any] = field(default_factory=dict)
    """What a session has by it: `lesson_id`, `course_id`, `moderator_user_id`."""
    faults: list[FieldError] = field(default_factory=list)


async def of(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Bound:
    """Of the lesson or course that `fields` name. Forbidden unless it is the actor's to teach."""
    if lesson_id := fields.get("lesson_id"):
        lesson = await ctx.of(Lesson).find_one({"_id": lesson_id})
        if lesson is None:
            return Bound(faults=[FieldError("lessonId", "there is no such lesson")])
        bound = await _to_course(ctx, actor, lesson.course_id, {"lesson_id": lesson.id})
        # Of a course that is not there for the actor no lesson is.
        return Bound(faults=[FieldError("lessonId", "there is no such lesson")]) if bound.faults else bound
    if course_id := fields.get("course_id"):
        return await _to_course(ctx, actor, course_id, {})
    # The course of a lesson's session is the lesson's: both go together.
    return Bound(dict.fromkeys(FIELDS) if fields.keys() & FIELDS else {})


async def _to_course(ctx: Context, actor: Actor, course_id: str, fields: dict[str, Any]) -> Bound:
    course = await ctx.of(Course).find_one({"_id": course_id})
    if course is None or not await viewer.allows(ctx, actor, Course.policy.read, course):
        return Bound(faults=[FieldError("courseId", "there is no such course")])
    if not (actor.is_admin or course.instructor_user_id == actor.user_id):
        raise Forbidden("forbidden", "only its instructor or an admin makes sessions of a course")
    return Bound({**fields, "course_id": course.id, "moderator_user_id": course.instructor_user_id})
