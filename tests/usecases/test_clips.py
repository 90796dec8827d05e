"""Video clips: made of videos, shown by courses, watched by those who take one of them."""

import asyncio

import pytest

from mediaserver.base.errors import Forbidden, Invalid, NotFound
from mediaserver.base.ids import new_id
from mediaserver.domain.actor import Actor
from mediaserver.domain.clips import CourseVideoClipMapping, VideoClip
from mediaserver.domain.courses import Course
from mediaserver.domain.lessons import Lesson
from mediaserver.usecases import clips, lessons, settling, uploads, viewing
from tests.usecases import school
from tests.usecases.world import World


async def clip(world: World, who: Actor, of: Lesson, content_type: str = "video/mp4") -> VideoClip:
    film = await world.upload(who, content_type)
    await world.ctx.uploads.update(film.id, set={"duration": 12.5})
    fields = {"lesson_id": of.id, "course_id": of.course_id, "title": "Proof", "upload": film.id}
    return await clips.create(world.ctx, who, fields)


async def watches(world: World, who: Actor, one: VideoClip) -> bool:
    stored = await world.ctx.of(VideoClip).get(one.id)
    allowed = await viewing.allows(world.ctx, who, VideoClip.policy.read, stored)
    assert await uploads.may_read(world.ctx, who.user_id, one.upload) is allowed
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
    await clips.show(world.ctx, ada, course, first.id, 7)
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
    await settling.remove(world.ctx, own)
    (wire,) = await lessons.describe(world.ctx, bob, [lesson])
    assert [block["value"] and block["value"]["id"] for block in wire["content"]] == [None, foreign.id]
