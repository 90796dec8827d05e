"""Courses: who sees them, who gives them to whom, what goes with them."""

import pytest

from mediaserver.base.errors import Conflict, Forbidden, Invalid, NotFound
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.levels import Level
from mediaserver.domain.learning.progress import StudentProgress
from mediaserver.usecases.learning import courses, progress
from mediaserver.usecases.writes import settling
from tests.usecases import school
from tests.usecases.world import World


async def test_a_course_is_found_by_its_code_whatever_its_case(world: World) -> None:
    ada = await world.person("ada", "instructor")
    course = await school.course(world, ada, "Alg-1")
    assert (await courses.by_code(world.ctx, ada, "aLG-1")).id == course.id
    with pytest.raises(NotFound):
        await courses.by_code(world.ctx, ada, "ALG-2")
    with pytest.raises(Conflict) as taken:
        await school.course(world, ada, "ALG-1")
    assert taken.value.code == "course_code_taken"


async def test_an_unpublished_course_is_seen_by_its_instructor_admins_and_the_enrolled(world: World) -> None:
    ada, eve = await world.person("ada", "instructor"), await world.person("eve")
    bob, root = await world.person("bob"), await world.person("root", "admin")
    course = await school.course(world, ada)
    await school.enroll(world, bob, course)
    await courses.update(world.ctx, ada, course, {"published": False})
    for who in (ada, bob, root):
        assert (await courses.find(world.ctx, who, course.id)).id == course.id
    with pytest.raises(NotFound):
        await courses.find(world.ctx, eve, course.id)


async def test_only_an_admin_gives_a_course_to_another_instructor(world: World) -> None:
    ada, root = await world.person("ada", "instructor"), await world.person("root", "admin")
    bob, eve = await world.person("bob", "instructor"), await world.person("eve")
    course = await school.course(world, ada)
    with pytest.raises(Forbidden) as refused:
        await courses.update(world.ctx, ada, course, {"instructor_user_id": bob.user_id})
    assert [fault.loc for fault in refused.value.errors] == ["instructorUserId"]
    with pytest.raises(Invalid):
        await courses.update(world.ctx, root, course, {"instructor_user_id": eve.user_id})
    await school.enroll(world, bob, course)
    with pytest.raises(Conflict, match="nobody teaches what they take"):
        await courses.update(world.ctx, root, course, {"instructor_user_id": bob.user_id})
    await settling.remove(world.ctx, (await world.ctx.of(Enrollment).find({}))[0])
    given = await courses.update(world.ctx, root, course, {"instructor_user_id": bob.user_id})
    assert (await courses.taught(world.ctx, bob, given.id)).instructor_user_id == bob.user_id
    with pytest.raises(Forbidden):
        await courses.taught(world.ctx, ada, course.id)


async def test_with_a_course_goes_all_that_hangs_on_it(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    course, other = await school.course(world, ada), await school.course(world, ada, "GEO-1")
    for each in (course, other):
        lesson = await school.lesson(world, ada, await school.level(world, ada, each))
        await school.enroll(world, bob, each)
        await progress.put(world.ctx, bob, lesson.id, "completed")
    await settling.remove(world.ctx, course)
    for kind in (Level, Lesson, Enrollment, StudentProgress):
        left = await world.ctx.of(kind).values({}, "courseId")
        assert left == [other.id], kind
    assert [one.id for one in await world.ctx.of(Course).find({})] == [other.id]
