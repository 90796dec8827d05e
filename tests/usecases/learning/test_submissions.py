"""Assignments and what is handed in for them: deadlines, replacing, grades, and who is told."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from mediaserver.base.errors import Conflict, Forbidden, Invalid, Problem, Unavailable
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.assignments import Assignment
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.submissions import Mark, Submission
from mediaserver.domain.notifications import Notification
from mediaserver.usecases.learning import assignments, submissions
from mediaserver.usecases.notifications import announcements
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.writes import settling
from tests.usecases import school
from tests.usecases.cut import cut_after
from tests.usecases.world import World


class Class(NamedTuple):
    """ada teaches, bob takes her course."""

    ada: Actor
    bob: Actor
    course: Course
    lesson: Lesson


@pytest.fixture
async def taught(world: World) -> Class:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    course = await school.course(world, ada)
    await school.enroll(world, bob, course)
    return Class(ada, bob, course, await school.lesson_of(world, ada, course))


async def told(world: World, who: Actor) -> list[str]:
    """The kinds of notifications that somebody has, the oldest first."""
    found = await world.ctx.of(Notification).find({"userId": who.user_id}, sort=[("timestamp", 1)])
    return [one.type for one in found for _ in one.acts]


async def refused(act: object) -> str:
    with pytest.raises(Problem) as caught:
        await act  # type: ignore[misc]
    return caught.value.code


async def test_an_assignment_is_the_instructors_with_a_deadline_ahead(world: World, taught: Class) -> None:
    with pytest.raises(Forbidden):
        await school.assignment(world, taught.bob, taught.lesson)
    for due_s in (-1, 0):
        with pytest.raises(Invalid) as late:
            await school.assignment(world, taught.ada, taught.lesson, due_s)
        assert [fault.loc for fault in late.value.errors] == ["deadline"]
    made = await school.assignment(world, taught.ada, taught.lesson)
    with pytest.raises(Invalid):
        await assignments.update(world.ctx, taught.ada, made, {"deadline": world.clock.now})
    world.clock.pass_s(7200)
    assert (await assignments.update(world.ctx, taught.ada, made, {"title": "x"})).title == "x"


async def test_those_who_take_the_course_are_told_of_an_assignment_once(world: World, taught: Class) -> None:
    await world.person("eve")
    made = await school.assignment(world, taught.ada, taught.lesson)
    assert await told(world, taught.bob) == []
    assert await announcements.announce(world.ctx) == 1
    assert await announcements.announce(world.ctx) == 0
    await world.ctx.of(Assignment).update_one({"_id": made.id}, set={"announced": False})
    await announcements.announce(world.ctx)
    (notification,) = await world.ctx.of(Notification).find({})
    assert notification.user_id == taught.bob.user_id
    assert [act.about["assignmentId"] for act in notification.acts] == [made.id]
    await settling.remove(world.ctx, made)
    assert await told(world, taught.bob) == []


async def test_announcing_goes_on_where_it_was_cut_off(world: World, taught: Class) -> None:
    people = [taught.bob, *[await world.person(f"person{n}") for n in range(3)]]
    for one in people[1:]:
        await school.enroll(world, one, taught.course)
    await school.assignment(world, taught.ada, taught.lesson)
    for operations in range(40):
        with cut_after(world.ctx, operations) as cut:
            try:
                await announcements.announce(world.ctx)
            except Unavailable:
                assert cut.happened
        if not cut.happened:
            assert [await told(world, one) for one in people] == [["assignment-posted"]] * 4
            return
    pytest.fail("it was never announced")


async def test_one_hands_in_once_and_replaces_until_the_deadline(world: World, taught: Class) -> None:
    made = await school.assignment(world, taught.ada, taught.lesson)
    handed_in = await school.submit(world, taught.bob, made)
    assert (handed_in.late, handed_in.deadline, handed_in.lesson_id) == (False, made.deadline, taught.lesson.id)
    assert await refused(school.submit(world, taught.bob, made)) == "already_submitted"
    world.clock.pass_s(60)
    again = await submissions.replace(world.ctx, taught.bob, handed_in, {"content": school.work("better")})
    assert again.content.value == "better" and again.timestamp == world.clock.now and not again.late
    world.clock.pass_s(3600)
    change = {"content": school.work("too late")}
    assert await refused(submissions.replace(world.ctx, taught.bob, again, change)) == "deadline_passed"


async def test_what_first_comes_after_the_deadline_is_late_and_stays(world: World, taught: Class) -> None:
    made = await school.assignment(world, taught.ada, taught.lesson)
    world.clock.pass_s(3601)
    late = await school.submit(world, taught.bob, made)
    assert late.late
    assert await refused(submissions.replace(world.ctx, taught.bob, late, {"content": school.work("x")})) == (
        "deadline_passed"
    )


async def test_handing_in_is_for_students_of_the_course(world: World, taught: Class) -> None:
    made = await school.assignment(world, taught.ada, taught.lesson)
    for who in (taught.ada, await world.person("eve")):
        assert await refused(school.submit(world, who, made)) == "not_enrolled"


async def test_what_is_handed_in_is_of_its_type(world: World, taught: Class) -> None:
    made = await school.assignment(world, taught.ada, taught.lesson)
    picture = await world.upload(taught.bob)
    for content in (school.work(picture.id, "video"), school.work((await world.upload(taught.ada)).id, "file")):
        with pytest.raises(Invalid) as wrong:
            await school.submit(world, taught.bob, made, content)
        assert [fault.loc for fault in wrong.value.errors] == ["content.value"]
    await school.submit(world, taught.bob, made, school.work(picture.id, "image"))
    carl = await world.person("carl")
    await school.enroll(world, carl, taught.course)
    readers = [
        (who.user_id in await uploads.who_may_read(world.ctx, [who.user_id], picture.id))
        for who in (taught.ada, carl)
    ]
    assert readers == [True, False]


async def test_another_deadline_holds_for_what_was_handed_in(world: World, taught: Class) -> None:
    made = await school.assignment(world, taught.ada, taught.lesson, 60)
    world.clock.pass_s(120)
    late = await school.submit(world, taught.bob, made)
    later = world.clock.now + timedelta(hours=1)
    await assignments.update(world.ctx, taught.ada, made, {"deadline": later})
    stored = await world.ctx.of(Submission).get(late.id)
    assert (stored.late, stored.deadline) == (False, later)
    again = await submissions.replace(world.ctx, taught.bob, stored, {"content": school.work("better")})
    assert again.content.value == "better"


async def test_a_new_deadline_cut_off_anywhere_holds_for_all_in_the_end(world: World, taught: Class) -> None:
    made = await school.assignment(world, taught.ada, taught.lesson)
    handed_in = await school.submit(world, taught.bob, made)
    for operations in range(30):
        deadline = made.deadline + timedelta(hours=operations + 1)
        with cut_after(world.ctx, operations) as cut:
            try:
                await assignments.update(world.ctx, taught.ada, made, {"deadline": deadline})
            except Unavailable:
                assert cut.happened
        world.clock.pass_s(60)
        await settling.resume(world.ctx)
        current = await world.ctx.of(Assignment).get(made.id)
        assert (await world.ctx.of(Submission).get(handed_in.id)).deadline == current.deadline
        if not cut.happened:
            assert current.deadline == deadline
            return
    pytest.fail("the deadline was never changed")


async def test_the_instructor_grades_and_the_student_is_told(world: World, taught: Class) -> None:
    made = await school.assignment(world, taught.ada, taught.lesson)
    handed_in = await school.submit(world, taught.bob, made)
    assert await told(world, taught.ada) == ["submitted"]
    with pytest.raises(Forbidden):
        await submissions.grade(world.ctx, taught.bob, handed_in, Mark(score=100))
    graded = await submissions.grade(world.ctx, taught.ada, handed_in, Mark(score=87.5, feedback="Well argued."))
    assert graded.grade is not None and graded.grade.graded_by_user_id == taught.ada.user_id
    assert await told(world, taught.bob) == ["graded"]
    world.clock.pass_s(1)
    await submissions.grade(world.ctx, taught.ada, graded, Mark(score=90))
    assert await told(world, taught.bob) == ["graded", "graded"]
    assert await told(world, taught.ada) == ["submitted"]


async def test_the_same_grade_again_is_no_new_one(world: World, taught: Class) -> None:
    made = await school.assignment(world, taught.ada, taught.lesson)
    handed_in = await school.submit(world, taught.bob, made)
    mark = Mark(score=90, feedback="Good.")
    graded = await submissions.grade(world.ctx, taught.ada, handed_in, mark)
    assert submissions.has_mark(graded, taught.ada, mark, None)
    assert submissions.has_mark(graded, taught.ada, mark, graded.timestamp)
    for other in (Mark(score=91, feedback="Good."), Mark(score=90, feedback="Good!")):
        assert not submissions.has_mark(graded, taught.ada, other, None)
    assert not submissions.has_mark(graded, taught.bob, mark, None)
    assert not submissions.has_mark(graded, taught.ada, mark, graded.timestamp - timedelta(seconds=1))
    assert not submissions.has_mark(handed_in, taught.ada, mark, None)


async def test_a_deadline_in_the_year_9999_is_never_missed(world: World, taught: Class) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    made = await school.assignment(world, taught.ada, taught.lesson)
    moved = await assignments.update(world.ctx, taught.ada, made, {"deadline": last})
    handed_in = await school.submit(world, taught.bob, moved)
    stored = await world.ctx.of(Submission).get(handed_in.id)
    assert (moved.deadline, stored.deadline, stored.late) == (last, last, False)


async def test_what_was_graded_may_be_replaced_until_the_deadline_and_its_grade_goes(
    world: World, taught: Class
) -> None:
    handed_in = await school.submit(world, taught.bob, await school.assignment(world, taught.ada, taught.lesson))
    graded = await submissions.grade(world.ctx, taught.ada, handed_in, Mark(score=40))
    world.clock.pass_s(60)
    again = await submissions.replace(world.ctx, taught.bob, graded, {"content": school.work("better")})
    assert (again.content.value, again.grade) == ("better", None)
    better = await submissions.grade(world.ctx, taught.ada, again, Mark(score=90))
    assert better.grade is not None and better.grade.score == 90
    world.clock.pass_s(3600)
    change = {"content": school.work("x")}
    assert await refused(submissions.replace(world.ctx, taught.bob, better, change)) == "deadline_passed"


@pytest.mark.parametrize("type", ["text", "image"])
async def test_what_the_teacher_has_not_seen_is_not_graded(world: World, taught: Class, type: str) -> None:
    made = await school.assignment(world, taught.ada, taught.lesson)
    first, second = (
        ("one", "other") if type == "text" else [(await world.upload(taught.bob)).id for _ in range(2)]
    )
    handed_in = await school.submit(world, taught.bob, made, school.work(first, type))
    change = {"content": school.work(second, type)}
    again = await submissions.replace(world.ctx, taught.bob, handed_in, change)
    assert await refused(submissions.grade(world.ctx, taught.ada, handed_in, Mark(score=1))) == "replaced"
    seen = handed_in.timestamp - timedelta(seconds=1)
    assert await refused(submissions.grade(world.ctx, taught.ada, again, Mark(score=1), seen)) == "replaced"
    assert (await world.ctx.of(Submission).get(again.id)).grade is None
    await submissions.grade(world.ctx, taught.ada, again, Mark(score=1), again.timestamp)


async def test_submissions_are_their_students_and_the_instructors_to_read(world: World, taught: Class) -> None:
    made = await school.assignment(world, taught.ada, taught.lesson)
    handed_in = await school.submit(world, taught.bob, made)
    carl = await world.person("carl")
    await school.enroll(world, carl, taught.course)
    for who in (taught.ada, taught.bob):
        await submissions.find(world.ctx, who, handed_in.id)
    with pytest.raises(Forbidden):
        await submissions.find(world.ctx, carl, handed_in.id)


async def test_fifty_submissions_of_one_student_at_once_are_one(world: World, taught: Class) -> None:
    made = await school.assignment(world, taught.ada, taught.lesson)
    results = await asyncio.gather(
        *(school.submit(world, taught.bob, made) for _ in range(50)), return_exceptions=True
    )
    assert _codes(results) == ["already_submitted"] * 49
    assert await world.ctx.of(Submission).count({"assignmentId": made.id}) == 1
    assert await told(world, taught.ada) == ["submitted"]


async def test_of_a_grade_and_a_replacement_at_once_the_grade_is_never_of_what_came(
    world: World, taught: Class
) -> None:
    for n in range(5):
        made = await school.assignment(world, taught.ada, taught.lesson)
        handed_in = await school.submit(world, taught.bob, made)
        change = {"content": school.work(f"version {n}")}
        await asyncio.gather(
            submissions.replace(world.ctx, taught.bob, handed_in, change),
            submissions.grade(world.ctx, taught.ada, handed_in, Mark(score=1)),
            return_exceptions=True,
        )
        stored = await world.ctx.of(Submission).get(handed_in.id)
        assert stored.content == change["content"] and stored.grade is None and stored.settled


def _codes(results: Sequence[object]) -> list[str]:
    return [one.code for one in results if isinstance(one, Conflict)]
