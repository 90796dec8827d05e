"""Video clips: made of videos, shown by courses, watched by those who take one of them."""

import asyncio
from collections.abc import Awaitable

import pytest

from mediaserver.base.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.clips import CourseVideoClipMapping, VideoClip
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.usecases.access import viewer
from mediaserver.usecases.learning import clips, lessons
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.writes import settling
from tests.usecases import school
from tests.usecases.cut import cut_after
from tests.usecases.world import World


async def clip(world: World, who: Actor, of: Lesson, content_type: str = "video/mp4") -> VideoClip:
    film = await world.upload(who, content_type)
    await world.ctx.uploads.update(film.id, set={"duration": 12.5})
    fields = {"lesson_id": of.id, "course_id": of.course_id, "title": "Proof", "upload": film.id}
    return await clips.create(world.ctx, who, fields)


async def watches(world: World, who: Actor, one: VideoClip) -> bool:
    stored = await world.ctx.of(VideoClip).get(one.id)
    allowed = await viewer.allows(world.ctx, who, VideoClip.policy.read, stored)
    may_read = await uploads.who_may_read(world.ctx, [who.user_id], one.upload)
    assert (who.user_id in may_read) is allowed
    return allowed


async def shown_in(world: World, of: Course) -> list[str]:
    found = await world.ctx.of(CourseVideoClipMapping).find({"courseId": of.id}, [("position", 1), ("_id", 1)])
    return [one.clip_id for one in found]


async def test_a_clip_is_as_long_as_its_video(world: World) -> None:
    ada = await world.person("ada", "instructor")
    lesson = await school.lesson_of(world, ada, await school.course(world, ada))
    made = await clip(world, ada, lesson)
    assert (made.duration_s, made.moderator_user_id) == (12.5, ada.user_id)
    with pytest.raises(Invalid) as refused:
        await clip(world, ada, lesson, "image/png")
    assert [fault.loc for fault in refused.value.errors] == ["upload"]
    other = await world.upload(ada, "video/webm")
    assert (await clips.update(world.ctx, ada, made, {"upload": other.id})).duration_s is None
    assert not (await world.ctx.uploads.get(made.upload)).used
    with pytest.raises(Forbidden):
        await clip(world, await world.person("eve", "instructor"), lesson)


async def test_a_clip_is_watched_by_those_who_take_a_course_that_shows_it(world: World) -> None:
    ada, eve = await world.person("ada", "instructor"), await world.person("eve", "instructor")
    bob, carl = await world.person("bob"), await world.person("carl")
    own, other = await school.course(world, ada), await school.course(world, eve, "GEO-1")
    await school.enroll(world, bob, own)
    await school.enroll(world, carl, other)
    made = await clip(world, ada, await school.lesson_of(world, ada, own))
    assert [await watches(world, who, made) for who in (ada, bob, eve, carl)] == [True, True, False, False]
    with pytest.raises(Forbidden):
        await clips.show(world.ctx, eve, other, made.id, None)
    root = await world.person("root", "admin")
    await clips.show(world.ctx, root, other, made.id, None)
    assert [await watches(world, who, made) for who in (ada, bob, eve, carl)] == [True] * 4
    await clips.hide(world.ctx, other, made.id)
    await clips.hide(world.ctx, other, made.id)
    assert [await watches(world, who, made) for who in (ada, bob, eve, carl)] == [True, True, False, False]


async def test_a_course_shows_a_clip_once_in_its_order(world: World) -> None:
    ada = await world.person("ada", "instructor")
    course = await school.course(world, ada)
    lesson = await school.lesson_of(world, ada, course)
    first, second = await clip(world, ada, lesson), await clip(world, ada, lesson)
    made = await asyncio.gather(*(clips.show(world.ctx, ada, course, first.id, None) for _ in range(5)))
    assert len({one.id for one in made}) == 1
    await clips.show(world.ctx, ada, course, second.id, None)
    assert await shown_in(world, course) == [first.id, second.id]
    moved = await clips.show(world.ctx, ada, course, first.id, 7)
    world.clock.pass_s(60)
    for position in (7, None):
        assert await clips.show(world.ctx, ada, course, first.id, position) == moved
    assert await world.ctx.of(CourseVideoClipMapping).get(moved.id) == moved
    assert await shown_in(world, course) == [second.id, first.id]
    with pytest.raises(NotFound):
        await clips.show(world.ctx, ada, course, new_id(), None)
    await settling.remove(world.ctx, second)
    assert await shown_in(world, course) == [first.id]


async def test_a_lesson_shows_clips_of_its_course_only(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    course, other = await school.course(world, ada), await school.course(world, ada, "GEO-1")
    await school.enroll(world, bob, course)
    lesson = await school.lesson_of(world, ada, course)
    own = await clip(world, ada, lesson)
    foreign = await clip(world, ada, await school.lesson_of(world, ada, other))
    content = [school.block(own.id, "clip"), school.block(foreign.id, "clip")]
    with pytest.raises(Invalid) as refused:
        await lessons.update(world.ctx, ada, lesson, {"content": content})
    assert [fault.loc for fault in refused.value.errors] == ["content.1.value"]
    await clips.show(world.ctx, ada, course, foreign.id, None)
    lesson = await lessons.update(world.ctx, ada, lesson, {"content": content})
    (wire,) = await lessons.describe(world.ctx, bob, [lesson])
    assert wire["content"][0]["value"] == {"id": own.id, "title": "Proof", "duration": 12.5}
    assert [block["value"]["id"] for block in wire["content"]] == [own.id, foreign.id]


async def needed_by(act: Awaitable[None]) -> list[str]:
    """What refuses it."""
    with pytest.raises(Conflict) as refused:
        await act
    assert refused.value.code == "in_use"
    return [fault.loc for fault in refused.value.errors]


async def test_a_clip_stays_while_a_lesson_shows_it(world: World) -> None:
    ctx, ada = world.ctx, await world.person("ada", "instructor")
    course, other = await school.course(world, ada), await school.course(world, ada, "GEO-1")
    lesson = await school.lesson_of(world, ada, course)
    own = await clip(world, ada, lesson)
    foreign = await clip(world, ada, await school.lesson_of(world, ada, other))
    await clips.show(ctx, ada, course, foreign.id, None)
    await clips.show(ctx, ada, course, own.id, None)
    shown = [school.block(own.id, "clip"), school.block(foreign.id, "clip")]
    lesson = await lessons.update(ctx, ada, lesson, {"content": shown})
    here = [f"lessons.{lesson.id}"]
    assert await needed_by(settling.remove(ctx, own)) == here
    assert await needed_by(settling.remove(ctx, foreign)) == here
    assert await needed_by(clips.hide(ctx, course, foreign.id)) == here
    await clips.hide(ctx, course, own.id)  # it is the course's own
    assert await shown_in(world, course) == [foreign.id]
    lesson = await lessons.update(ctx, ada, lesson, {"content": shown})
    lesson = await lessons.update(ctx, ada, lesson, {"content": shown[:1]})
    await clips.hide(ctx, course, foreign.id)
    await settling.remove(ctx, foreign)
    await lessons.update(ctx, ada, lesson, {"content": []})
    await settling.remove(ctx, own)


async def test_what_goes_takes_its_clips_along_unless_a_lesson_elsewhere_shows_them(world: World) -> None:
    ctx, ada = world.ctx, await world.person("ada", "instructor")
    course, other = await school.course(world, ada), await school.course(world, ada, "GEO-1")
    level = await school.level(world, ada, course)
    first, second = [await school.lesson(world, ada, level) for _ in range(2)]
    film = await clip(world, ada, first)
    for lesson in (first, second):
        await lessons.update(ctx, ada, lesson, {"content": [school.block(film.id, "clip")]})
    assert await needed_by(settling.remove(ctx, first)) == [f"lessons.{second.id}"]
    await clips.show(ctx, ada, other, film.id, None)
    content = [school.block(film.id, "clip")]
    elsewhere = await school.lesson(world, ada, await school.level(world, ada, other), content=content)
    for one in (level, course):
        assert await needed_by(settling.remove(ctx, one)) == [f"lessons.{elsewhere.id}"]
    await settling.remove(ctx, elsewhere)
    await settling.remove(ctx, level)
    assert not await ctx.of(VideoClip).exists({}) and not await ctx.of(Lesson).exists({})
    assert not await ctx.of(CourseVideoClipMapping).exists({})


@pytest.mark.slow
async def test_a_course_whose_lessons_show_its_clips_goes_wherever_that_is_cut_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_WAIT_S", 0.05)  # nobody else is at it
    ctx, ada = world.ctx, await world.person("ada", "instructor")
    for operations in range(200):
        course = await school.course(world, ada, f"C-{operations}")
        level = await school.level(world, ada, course)
        first, second = [await school.lesson(world, ada, level) for _ in range(2)]
        film = await clip(world, ada, second)
        await lessons.update(ctx, ada, first, {"content": [school.block(film.id, "clip")]})
        with cut_after(ctx, operations) as cut:
            try:
                await settling.remove(ctx, course)
            except Unavailable:
                assert cut.happened
        begun = not await ctx.of(Course).exists({"_id": course.id})
        for _ in range(2):
            world.clock.pass_s(60)
            await settling.resume(ctx)
        for kind in (Lesson, VideoClip):
            assert await ctx.of(kind).exists({"courseId": course.id, "gone": {"$in": [True, False]}}) != begun
        if not cut.happened:
            return
    pytest.fail("the course never went")
