"""Levels and lessons: their order, their blocks, who may read them."""

import asyncio
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mediaserver.base.errors import Forbidden, Invalid, NotFound, Unavailable
from mediaserver.base.ids import new_id
from mediaserver.domain.learning.content_blocks import Block
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.levels import Level
from mediaserver.usecases.access import viewer
from mediaserver.usecases.learning import lessons, ordering
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.writes import settling
from tests.usecases import school
from tests.usecases.cut import cut_after
from tests.usecases.world import World

BLOCK: TypeAdapter[Any] = TypeAdapter(Block)


def block(type: str, value: Any) -> Any:
    return BLOCK.validate_python({"type": type, "value": value})


async def titles(world: World, of: Course) -> list[str]:
    found = await world.ctx.of(Level).find({"courseId": of.id}, [("position", 1), ("_id", 1)])
    return [one.title for one in found]


async def test_a_level_comes_last_unless_a_position_is_given(world: World) -> None:
    ada = await world.person("ada", "instructor")
    course = await school.course(world, ada)
    for title in ("a", "b"):
        await school.level(world, ada, course, title)
    await school.level(world, ada, course, "first", position=0)
    await school.level(world, ada, course, "last")
    assert await titles(world, course) == ["a", "first", "b", "last"]  # the same position: by age


async def test_levels_are_the_instructors_to_make(world: World) -> None:
    ada, eve = await world.person("ada", "instructor"), await world.person("eve", "instructor")
    course = await school.course(world, ada)
    with pytest.raises(Forbidden):
        await school.level(world, eve, course)
    assert (await school.level(world, await world.person("root", "admin"), course)).position == 0


async def test_an_order_names_each_once(world: World) -> None:
    ada = await world.person("ada", "instructor")
    course = await school.course(world, ada)
    made = [(await school.level(world, ada, course, title)).id for title in "abc"]
    await ordering.reorder(world.ctx, course, [made[2], made[0], made[1]], "levelIds")
    assert await titles(world, course) == ["c", "a", "b"]
    for wrong, named in (
        (made[:2], ["levelIds"]),
        ([], ["levelIds"]),
        ([*made, made[0]], ["levelIds.3"]),
        ([new_id(), *made, new_id()], ["levelIds.0", "levelIds.4"]),
        ([made[0], made[0], new_id()], ["levelIds.1", "levelIds.2"]),
    ):
        with pytest.raises(Invalid) as refused:
            await ordering.reorder(world.ctx, course, wrong, "levelIds")
        assert [fault.loc for fault in refused.value.errors] == named
    assert await titles(world, course) == ["c", "a", "b"]


async def test_lessons_are_ordered_within_their_level(world: World) -> None:
    ada = await world.person("ada", "instructor")
    level = await school.level(world, ada, await school.course(world, ada))
    made = [(await school.lesson(world, ada, level, title)).id for title in "ab"]
    await ordering.reorder(world.ctx, level, made[::-1], "lessonIds")
    assert [(await world.ctx.of(Lesson).get(id)).position for id in made] == [1, 0]


async def test_the_order_that_is_there_already_changes_nothing(world: World) -> None:
    ada = await world.person("ada", "instructor")
    course = await school.course(world, ada)
    level = await school.level(world, ada, course)
    levels = [level.id, (await school.level(world, ada, course)).id]
    lessons = [(await school.lesson(world, ada, level, title)).id for title in "abc"]
    await ordering.reorder(world.ctx, course, levels[::-1], "levelIds")
    await ordering.reorder(world.ctx, level, lessons[::-1], "lessonIds")
    raw = world.ctx.repositories.database.raw
    stored = {name: await raw[name].find({}).to_list() for name in ("courses", "levels", "lessons")}
    course, level = await school.read(world, course), await world.ctx.of(Level).get(level.id)
    world.clock.pass_s(60)
    await ordering.reorder(world.ctx, course, levels[::-1], "levelIds")
    await ordering.reorder(world.ctx, level, lessons[::-1], "lessonIds")
    assert {name: await raw[name].find({}).to_list() for name in stored} == stored


async def test_of_several_orders_at_once_one_is_the_last(world: World) -> None:
    ada = await world.person("ada", "instructor")
    course = await school.course(world, ada)
    made = [(await school.level(world, ada, course, title)).id for title in "abcd"]
    orders = [made[i:] + made[:i] for i in range(4)]
    await asyncio.gather(*(ordering.reorder(world.ctx, course, order, "levelIds") for order in orders))
    assert "".join(await titles(world, course)) in ("abcd", "bcda", "cdab", "dabc")
    assert (await school.read(world, course)).settled


@pytest.mark.slow
async def test_an_order_cut_off_anywhere_is_all_there_or_not_at_all(world: World) -> None:
    ada = await world.person("ada", "instructor")
    course = await school.course(world, ada)
    made = [(await school.level(world, ada, course, title)).id for title in "abc"]
    for operations in range(20):
        with cut_after(world.ctx, operations) as cut:
            try:
                await ordering.reorder(world.ctx, course, made[::-1], "levelIds")
            except Unavailable:
                assert cut.happened
        world.clock.pass_s(60)
        await settling.resume(world.ctx)
        assert "".join(await titles(world, course)) in ("abc", "cba")
        if not cut.happened:
            assert await titles(world, course) == ["c", "b", "a"]
            return
        await ordering.reorder(world.ctx, course, made, "levelIds")
    pytest.fail("an order was never given")


async def test_a_lesson_is_for_the_enrolled_its_instructor_and_admins(world: World) -> None:
    ada, eve = await world.person("ada", "instructor"), await world.person("eve")
    bob, root = await world.person("bob"), await world.person("root", "admin")
    course = await school.course(world, ada)
    lesson = await school.lesson(world, ada, await school.level(world, ada, course))
    await school.enroll(world, bob, course)
    for who in (ada, bob, root):
        assert (await lessons.find(world.ctx, who, lesson.id)).id == lesson.id
    with pytest.raises(Forbidden) as refused:
        await lessons.find(world.ctx, eve, lesson.id)
    assert refused.value.code == "not_enrolled"
    with pytest.raises(NotFound):
        await lessons.find(world.ctx, ada, new_id())


async def test_what_levels_are_called_is_for_all_once_the_course_is_published(world: World) -> None:
    ada, eve = await world.person("ada", "instructor"), await world.person("eve")
    draft, open_ = [await school.course(world, ada, f"C{n}", published=bool(n)) for n in range(2)]
    rule = Level.policy.read
    for course, seen in ((draft, False), (open_, True)):
        level = await school.level(world, ada, course)
        assert await viewer.allows(world.ctx, eve, rule, level) is seen
        assert await viewer.allows(world.ctx, ada, rule, level)


async def test_every_block_that_cannot_be_shown_is_named(world: World) -> None:
    ada, eve = await world.person("ada", "instructor"), await world.person("eve")
    level = await school.level(world, ada, await school.course(world, ada))
    picture, film, foreign = (
        await world.upload(ada),
        await world.upload(ada, "video/mp4"),
        await world.upload(eve),
    )
    content = [
        block("image", picture.id),
        block("image", film.id),
        block("video", film.id),
        block("audio", foreign.id),
        block("file", new_id()),
        block("clip", new_id()),
        block("text", "words"),
    ]
    with pytest.raises(Invalid) as refused:
        await school.lesson(world, ada, level, content=content)
    assert [fault.loc for fault in refused.value.errors] == [f"content.{at}.value" for at in (1, 3, 4, 5)]
    assert not (await world.ctx.uploads.get(picture.id)).used


async def test_uploads_of_a_lesson_are_for_its_readers_while_it_shows_them(world: World) -> None:
    ada, eve, bob = await world.person("ada", "instructor"), await world.person("eve"), await world.person("bob")
    course = await school.course(world, ada)
    await school.enroll(world, bob, course)
    picture = await world.upload(ada)
    level = await school.level(world, ada, course)
    lesson = await school.lesson(world, ada, level, content=[block("image", picture.id), block("text", "x")])
    (wire,) = await lessons.describe(world.ctx, bob, [lesson])
    assert wire["content"][0]["value"]["id"] == picture.id and wire["content"][1]["value"] == "x"
    assert bob.user_id in await uploads.who_may_read(world.ctx, [bob.user_id], picture.id)
    assert eve.user_id not in await uploads.who_may_read(world.ctx, [eve.user_id], picture.id)
    await lessons.update(world.ctx, ada, lesson, {"content": []})
    assert not (await world.ctx.uploads.get(picture.id)).used
    assert bob.user_id not in await uploads.who_may_read(world.ctx, [bob.user_id], picture.id)


async def test_an_admin_may_edit_a_lesson_that_shows_the_instructors_uploads(world: World) -> None:
    ada, root = await world.person("ada", "instructor"), await world.person("root", "admin")
    level = await school.level(world, ada, await school.course(world, ada))
    theirs, own = await world.upload(ada), await world.upload(root)
    lesson = await school.lesson(world, ada, level, content=[block("image", theirs.id)])
    content = [block("image", own.id), block("image", theirs.id)]
    await lessons.update(world.ctx, root, lesson, {"content": content})
    assert (await world.ctx.of(Lesson).get(lesson.id)).content == content


async def test_a_lesson_moves_only_within_its_course(world: World) -> None:
    ada = await world.person("ada", "instructor")
    course, other = await school.course(world, ada), await school.course(world, ada, "GEO-1")
    first, second, foreign = [await school.level(world, ada, one) for one in (course, course, other)]
    lesson = await school.lesson(world, ada, first)
    assert (await lessons.update(world.ctx, ada, lesson, {"level_id": second.id})).level_id == second.id
    for wrong in (foreign.id, new_id()):
        with pytest.raises(Invalid) as refused:
            await lessons.update(world.ctx, ada, lesson, {"level_id": wrong})
        assert [fault.loc for fault in refused.value.errors] == ["levelId"]


async def test_a_course_knows_how_many_lessons_it_has(world: World) -> None:
    ada = await world.person("ada", "instructor")
    course = await school.course(world, ada)
    level = await school.level(world, ada, course)
    made = await asyncio.gather(*(school.lesson(world, ada, level, f"l{n}") for n in range(5)))
    await settling.remove(world.ctx, made[0])
    assert (await school.read(world, course)).lessons_count == 4
    await settling.remove(world.ctx, level)
    assert (await school.read(world, course)).lessons_count == 0


HOSTILE: list[Any] = [
    None,
    {},
    {"type": "text"},
    {"type": "text", "value": ""},
    {"type": "text", "value": 7},
    {"type": "text", "value": "nul\x00"},
    {"type": "text", "value": "x" * 50_001},
    {"type": "text", "value": {"$gt": ""}},
    {"type": "text", "value": "x", "more": 1},
    {"type": "nonsense", "value": "x"},
    {"type": ["text"], "value": "x"},
    {"type": "image", "value": "nonsense"},
    {"type": "image", "value": {"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}},
    {"type": "code", "value": "print()"},
    {"type": "code", "value": {"language": "python", "source": ""}},
    {"type": "link", "value": {"url": "javascript:alert(1)"}},
    {"type": "link", "value": {"url": "https://example.org", "onclick": "x"}},
    {"type": "quiz", "value": {"question": "?", "options": ["a"], "answer": 0}},
    {"type": "quiz", "value": {"question": "?", "options": ["a", "b"], "answer": 2}},
    {"type": "quiz", "value": {"question": "?", "options": ["a", "b"], "answer": -1}},
    {"type": "quiz", "value": {"question": "?", "options": ["a", "b"], "answer": True}},
    {"type": "quiz", "value": {"question": "?", "options": ["a", "b"], "answer": []}},
    {"type": "quiz", "value": {"question": "?", "options": ["a", "b"], "answer": [0, 0]}},
    {"type": "quiz", "value": {"question": "?", "options": ["a"] * 11, "answer": 0}},
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_block_is_what_its_type_says(hostile: Any) -> None:
    with pytest.raises(ValidationError):
        BLOCK.validate_python(hostile, strict=True)


def test_code_keeps_its_indentation() -> None:
    source = "    if x:\n\treturn\n"
    assert block("code", {"source": source}).value.source == source


def test_a_quiz_may_have_several_right_options() -> None:
    quiz = {"question": "?", "options": ["a", "b", "c"], "answer": [0, 2]}
    assert block("quiz", quiz).value.answer == [0, 2]
