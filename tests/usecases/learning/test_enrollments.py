"""Taking a course: open ones, once, not one's own; counted exactly."""

import asyncio
import contextlib

import pytest

from mediaserver.base.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from mediaserver.base.ids import new_id
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor, Role
from mediaserver.domain.learning.course_removals import CourseRemoval
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.learning.progress import StudentProgress, percent
from mediaserver.usecases.events import Unenrolled
from mediaserver.usecases.learning import courses, enrollments, lessons, progress
from mediaserver.usecases.personal_data import erasure
from mediaserver.usecases.writes import settling
from tests.usecases import school
from tests.usecases.cut import cut_after
from tests.usecases.world import World


async def test_who_enrolls_may_read_and_who_leaves_may_not(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    course = await school.course(world, ada)
    lesson = await school.lesson(world, ada, await school.level(world, ada, course))
    enrollment = await school.enroll(world, bob, course)
    assert (await school.read(world, course)).enrolled_count == 1
    await lessons.find(world.ctx, bob, lesson.id)
    await settling.remove(world.ctx, enrollment)
    assert world.happened(Unenrolled) == [Unenrolled(bob.user_id, course.id)]
    assert (await school.read(world, course)).enrolled_count == 0
    with pytest.raises(Forbidden):
        await lessons.find(world.ctx, bob, lesson.id)


async def test_a_course_that_is_not_open_takes_nobody(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    draft = await school.course(world, ada, published=False)
    with pytest.raises(Conflict) as early:
        await school.enroll(world, await world.person("root", "admin"), draft)
    assert early.value.code == "not_open"
    refused = []
    for id in (draft.id, new_id()):
        with pytest.raises(Invalid) as nowhere:
            await enrollments.enroll(world.ctx, bob, {"course_id": id})
        refused.append((nowhere.value.code, nowhere.value.detail, nowhere.value.errors))
    assert refused[0] == refused[1]
    assert [fault.loc for fault in refused[0][2]] == ["courseId"]


async def test_nobody_takes_the_course_that_they_teach(world: World) -> None:
    ada = await world.person("ada", "instructor")
    with pytest.raises(Conflict) as own:
        await school.enroll(world, ada, await school.course(world, ada))
    assert own.value.code == "own_course"


async def test_of_enrolling_and_being_given_the_course_one_comes_first(world: World) -> None:
    ada, root = await world.person("ada", "instructor"), await world.person("root", "admin")
    eve = await world.person("eve", "instructor")
    for n in range(5):
        course = await school.course(world, ada, f"C{n}")
        given = courses.update(world.ctx, root, course, {"instructor_user_id": eve.user_id})
        await asyncio.gather(school.enroll(world, eve, course), given, return_exceptions=True)
        taken = await world.ctx.of(Enrollment).exists({"courseId": course.id})
        stored = await school.read(world, course)
        assert taken is not (stored.instructor_user_id == eve.user_id) and stored.enrolled_count == int(taken)


async def test_one_takes_a_course_once(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    course = await school.course(world, ada)
    tries = await asyncio.gather(*(school.enroll(world, bob, course) for _ in range(6)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in tries) == [*["Conflict"] * 5, "Enrollment"]
    assert (await school.read(world, course)).enrolled_count == 1


async def test_fifty_people_at_once_are_fifty_enrolled(world: World) -> None:
    ada = await world.person("ada", "instructor")
    course, people = await school.course(world, ada), [await world.person(f"person{n}") for n in range(50)]
    made = await asyncio.gather(*(school.enroll(world, one, course) for one in people))
    counted = await school.read(world, course)
    assert counted.enrolled_count == 50 and counted.marks == []
    gone = await asyncio.gather(
        *(settling.remove(world.ctx, one) for one in made[:20] for _ in range(2)), return_exceptions=True
    )
    assert sum(isinstance(one, NotFound) for one in gone) == 20
    assert (await school.read(world, course)).enrolled_count == 30
    assert await world.ctx.of(Enrollment).count({"courseId": course.id}) == 30


async def test_an_enrollment_cut_off_anywhere_is_counted_once_or_not_there(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    course = await school.course(world, ada)
    for operations in range(30):
        with cut_after(world.ctx, operations) as cut:
            try:
                made = await school.enroll(world, bob, course)
                await settling.remove(world.ctx, made)
            except Unavailable:
                assert cut.happened
        world.clock.pass_s(60)
        await settling.resume(world.ctx)
        there = await world.ctx.of(Enrollment).find({})
        assert (await school.read(world, course)).enrolled_count == len(there)
        for one in there:
            await settling.remove(world.ctx, one)
        if not cut.happened:
            return
    pytest.fail("an enrollment never came to its end")


async def test_progress_says_how_many_lessons_of_all_are_done(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    course = await school.course(world, ada)
    level = await school.level(world, ada, course)
    made = [await school.lesson(world, ada, level) for _ in range(3)]
    await school.enroll(world, bob, course)

    async def reached() -> tuple[int, int, int]:
        found = (await progress.reached(world.ctx, [(bob.user_id, course.id)]))[bob.user_id, course.id]
        return found["completed"], found["lessons"], found["percent"]

    assert await reached() == (0, 3, 0)
    await progress.put(world.ctx, bob, made[0].id, "completed")
    await progress.put(world.ctx, bob, made[1].id, "in-progress")
    assert await reached() == (1, 3, 33)
    await progress.put(world.ctx, bob, made[1].id, "completed")
    assert await reached() == (2, 3, 66)
    await progress.put(world.ctx, bob, made[1].id, "not-started")
    assert await reached() == (1, 3, 33)
    await settling.remove(world.ctx, made[0])
    assert await reached() == (0, 2, 0)
    assert await world.ctx.of(StudentProgress).count({"userId": bob.user_id}) == 1


async def test_progress_is_for_the_enrolled(world: World) -> None:
    ada, eve = await world.person("ada", "instructor"), await world.person("eve")
    lesson = await school.lesson(world, ada, await school.level(world, ada, await school.course(world, ada)))
    for who in (ada, eve):
        with pytest.raises(Forbidden) as refused:
            await progress.put(world.ctx, who, lesson.id, "completed")
        assert refused.value.code == "not_enrolled"
    with pytest.raises(Invalid):
        await progress.put(world.ctx, eve, new_id(), "completed")


async def test_of_fifty_statuses_at_once_one_is_stored(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    course = await school.course(world, ada)
    lesson = await school.lesson(world, ada, await school.level(world, ada, course))
    await school.enroll(world, bob, course)
    put = [progress.put(world.ctx, bob, lesson.id, "completed" if n % 2 else "in-progress") for n in range(50)]
    assert len({one.id for one in await asyncio.gather(*put)}) == 1
    assert await world.ctx.of(StudentProgress).count({"lessonId": lesson.id}) == 1
    last = await progress.put(world.ctx, bob, lesson.id, "completed")
    assert (await world.ctx.of(StudentProgress).get(last.id)).completion_status == "completed"


async def test_the_same_status_again_is_no_activity(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    course = await school.course(world, ada)
    lesson = await school.lesson(world, ada, await school.level(world, ada, course))
    await school.enroll(world, bob, course)
    first = await progress.put(world.ctx, bob, lesson.id, "completed")
    world.clock.pass_s(60)
    assert await progress.put(world.ctx, bob, lesson.id, "completed") == await world.ctx.of(StudentProgress).get(
        first.id
    )
    assert (await world.ctx.of(StudentProgress).get(first.id)).timestamp == first.timestamp
    other = await progress.put(world.ctx, bob, lesson.id, "in-progress")
    assert (other.timestamp - first.timestamp).total_seconds() == 60


def test_a_hundred_percent_means_all_of_them() -> None:
    assert [percent(199, 200), percent(200, 200), percent(3, 2), percent(0, 0)] == [99, 100, 100, 0]


async def removed(world: World, who: Actor, course: Course) -> bool:
    """Whether the student is out of the course and cannot come back."""
    try:
        await school.enroll(world, who, course)
    except Forbidden as refused:
        assert refused.code == "removed_from_course" and "readmit" in refused.detail
        return True
    return False


@pytest.mark.parametrize("role", ["instructor", "admin"])
async def test_whom_the_instructor_removes_stays_out_until_readmitted(world: World, role: Role) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    remover = ada if role == "instructor" else await world.person("root", "admin")
    course = await school.course(world, ada)
    await enrollments.remove(world.ctx, remover, await school.enroll(world, bob, course))
    assert world.happened(Unenrolled) == [Unenrolled(bob.user_id, course.id)]
    assert (await school.read(world, course)).enrolled_count == 0
    assert await removed(world, bob, course)
    (removal,) = await world.ctx.of(CourseRemoval).find({"courseId": course.id})
    assert (removal.user_id, removal.removed_by_user_id) == (bob.user_id, remover.user_id)
    await settling.remove(world.ctx, removal)
    assert not await removed(world, bob, course)
    assert (await school.read(world, course)).enrolled_count == 1


async def test_who_leaves_may_come_back(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    root = await world.person("root", "admin")
    course = await school.course(world, ada)
    for who in (bob, root, bob):
        await enrollments.remove(world.ctx, who, await school.enroll(world, who, course))
    assert not await removed(world, bob, course) and await world.ctx.of(CourseRemoval).count({}) == 0


async def test_a_removal_concerns_one_student_and_one_course(world: World) -> None:
    ada, bob, eve = await world.person("ada", "instructor"), await world.person("bob"), await world.person("eve")
    course, other = await school.course(world, ada), await school.course(world, ada, "ALG-2")
    await enrollments.remove(world.ctx, ada, await school.enroll(world, bob, course))
    assert not await removed(world, bob, other) and not await removed(world, eve, course)


async def test_removals_go_with_the_student_and_with_the_course(world: World) -> None:
    ada, root = await world.person("ada", "instructor"), await world.person("root", "admin")
    for n, kind in enumerate((Course, User)):
        bob, course = await world.person(f"bob{n}"), await school.course(world, ada, f"C{n}")
        await enrollments.remove(world.ctx, ada, await school.enroll(world, bob, course))
        if kind is Course:
            await settling.remove(world.ctx, course)
        else:
            await erasure.erase(world.ctx, root, await world.ctx.users.get(bob.user_id))
        assert await world.ctx.of(CourseRemoval).count({}) == 0


async def test_a_student_who_leaves_and_comes_back_meanwhile_is_removed_all_the_same(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    course = await school.course(world, ada)
    first = await school.enroll(world, bob, course)
    await enrollments.remove(world.ctx, bob, first)
    await school.enroll(world, bob, course)
    await enrollments.remove(world.ctx, ada, first)  # as the instructor saw it
    assert await world.ctx.of(Enrollment).count({"courseId": course.id}) == 0
    assert await removed(world, bob, course)


async def test_of_removing_and_enrolling_at_once_nobody_stays_in_a_course(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    for n in range(5):
        course = await school.course(world, ada, f"C{n}")
        seen = await school.enroll(world, bob, course)

        async def comes_back(seen: Enrollment = seen, course: Course = course) -> None:
            await enrollments.remove(world.ctx, bob, seen)
            await school.enroll(world, bob, course)

        await asyncio.gather(enrollments.remove(world.ctx, ada, seen), comes_back(), return_exceptions=True)
        assert await world.ctx.of(CourseRemoval).count({"courseId": course.id}) == 1
        assert await world.ctx.of(Enrollment).count({"courseId": course.id}) == 0
        assert (await school.read(world, course)).enrolled_count == 0


async def test_a_removal_cut_off_anywhere_is_finished_or_did_not_happen(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    for operations in range(40):
        course = await school.course(world, ada, f"C{operations}")
        enrollment = await school.enroll(world, bob, course)
        with cut_after(world.ctx, operations) as cut, contextlib.suppress(Unavailable):
            await enrollments.remove(world.ctx, ada, enrollment)
        world.clock.pass_s(60)
        await settling.resume(world.ctx)
        out = await world.ctx.of(CourseRemoval).count({"courseId": course.id})
        assert out + await world.ctx.of(Enrollment).count({"courseId": course.id}) == 1
        if not cut.happened:
            return
    pytest.fail("a removal never came to its end")
