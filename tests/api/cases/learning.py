from datetime import timedelta

from mediaserver.api.learning.assignment_resources import ASSIGNMENTS, SUBMISSIONS
from mediaserver.api.learning.clip_resources import CLIPS
from mediaserver.api.learning.course_resources import (
    COURSE_REMOVALS,
    COURSES,
    ENROLLMENTS,
    LESSONS,
    LEVELS,
    PROGRESS,
)
from mediaserver.base.clock import rfc3339
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.assignments import Assignment
from mediaserver.domain.learning.course_removals import CourseRemoval
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.levels import Level
from mediaserver.usecases.learning import clips, enrollments, progress
from tests.api.cases import Case, Fields, Ids, ada
from tests.usecases import school
from tests.usecases.world import World


async def _course(world: World) -> Course:
    """The one with everything in it."""
    found = await world.ctx.of(Course).find_one({"courseCode": "FULL"})
    return found or await school.course(world, await ada(world), "FULL")


async def _level(world: World) -> Level:
    found = await world.ctx.of(Level).find_one({"title": "Full"})
    return found or await school.level(world, await ada(world), await _course(world), "Full")


async def _lesson(world: World) -> Lesson:
    found = await world.ctx.of(Lesson).find_one({"title": "Full"})
    return found or await school.lesson(world, await ada(world), await _level(world), "Full")


async def _foreign_course(world: World) -> tuple[Actor, Course]:
    teacher = await world.person(f"t{new_id().lower()}", "instructor")
    return teacher, await school.course(world, teacher, f"C{new_id()}")


async def _courses(world: World, n: int) -> Ids:
    owner = await ada(world)
    return [(await school.course(world, owner, f"C{new_id()}")).id for _ in range(n)]


async def _new_course(world: World) -> Fields:
    return {"courseCode": f"C{new_id()}", "title": "Geometry", "published": True}


async def _levels(world: World, n: int) -> Ids:
    owner, course = await ada(world), await _course(world)
    return [(await school.level(world, owner, course, f"l{i}")).id for i in range(n)]


async def _levels_path(world: World) -> str:
    return f"/courses/{(await _course(world)).id}/levels"


async def _lessons(world: World, n: int) -> Ids:
    owner, level = await ada(world), await _level(world)
    return [(await school.lesson(world, owner, level, f"l{i}")).id for i in range(n)]


async def _lessons_path(world: World) -> str:
    return f"/levels/{(await _level(world)).id}/lessons"


async def _enrollments(world: World, n: int) -> Ids:
    owner = await ada(world)
    return [(await school.enroll(world, owner, (await _foreign_course(world))[1])).id for _ in range(n)]


async def _new_enrollment(world: World) -> Fields:
    return {"courseId": (await _foreign_course(world))[1].id}


async def _removals(world: World, n: int) -> Ids:
    owner, course = await ada(world), await _course(world)
    for _ in range(n):
        student = await world.person(f"s{new_id().lower()}")
        await enrollments.remove(world.ctx, owner, await school.enroll(world, student, course))
    found = await world.ctx.of(CourseRemoval).find({"courseId": course.id}, sort=[("_id", 1)])
    return [one.id for one in found[-n:]]


async def _removals_path(world: World) -> str:
    return f"/courses/{(await _course(world)).id}/removals"


async def _progress(world: World, n: int) -> Ids:
    owner, (teacher, course) = await ada(world), await _foreign_course(world)
    await school.enroll(world, owner, course)
    level = await school.level(world, teacher, course)
    lessons = [await school.lesson(world, teacher, level) for _ in range(n)]
    return [(await progress.put(world.ctx, owner, one.id, "completed")).id for one in lessons]


async def _assignments(world: World, n: int) -> Ids:
    owner, lesson = await ada(world), await _lesson(world)
    return [(await school.assignment(world, owner, lesson)).id for _ in range(n)]


async def _new_assignment(world: World) -> Fields:
    return {"title": "Prove it", "deadline": rfc3339(world.clock.now + timedelta(days=1))}


async def _assignments_path(world: World) -> str:
    return f"/lessons/{(await _lesson(world)).id}/assignments"


async def _foreign_assignment(world: World) -> Assignment:
    """Of a course that ada takes."""
    teacher, course = await _foreign_course(world)
    await school.enroll(world, await ada(world), course)
    return await school.assignment(world, teacher, await school.lesson_of(world, teacher, course))


async def _submissions(world: World, n: int) -> Ids:
    owner = await ada(world)
    return [(await school.submit(world, owner, await _foreign_assignment(world))).id for _ in range(n)]


async def _submissions_path(world: World) -> str:
    return f"/assignments/{(await _foreign_assignment(world)).id}/submissions"


async def _new_clip(world: World) -> Fields:
    return {"title": "Proof", "upload": (await world.upload(await ada(world), "video/mp4")).id}


async def _clips(world: World, n: int) -> Ids:
    owner, lesson = await ada(world), await _lesson(world)
    of = {"lesson_id": lesson.id, "course_id": lesson.course_id}
    return [(await clips.create(world.ctx, owner, {**of, **await _new_clip(world)})).id for _ in range(n)]


async def _clips_path(world: World) -> str:
    return f"/lessons/{(await _lesson(world)).id}/clips"


_TITLE: Fields = {"title": "Rings"}
_WORK: Fields = {"content": {"type": "text", "value": "Quod erat demonstrandum."}}
CASES = {
    "/courses": Case(COURSES, _courses, _TITLE, body=_new_course, role="instructor"),
    "/levels": Case(LEVELS, _levels, _TITLE, place=_levels_path, role="instructor"),
    "/lessons": Case(
        LESSONS, _lessons, {"title": "Rings", "content": [{"type": "text", "value": "words"}]},
        place=_lessons_path, role="instructor", private=True, refusal="not_enrolled",
    ),
    "/enrollments": Case(ENROLLMENTS, _enrollments, body=_new_enrollment, private=True),
    "/course-removals": Case(
        COURSE_REMOVALS, _removals, place=_removals_path, role="instructor", private=True
    ),
    "/progress": Case(PROGRESS, _progress, private=True),
    "/assignments": Case(
        ASSIGNMENTS, _assignments, _TITLE, body=_new_assignment,
        place=_assignments_path, role="instructor", private=True, refusal="not_enrolled",
    ),
    "/submissions": Case(SUBMISSIONS, _submissions, _WORK, origin=_submissions_path, private=True),
    "/clips": Case(
        CLIPS, _clips, _TITLE, body=_new_clip,
        place=_clips_path, role="instructor", private=True, refusal="not_enrolled",
    ),
}  # fmt: skip
