"""Nothing refers to what is not there, also when the one is written while the other is deleted."""

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest

from mediaserver.base.errors import Conflict, Invalid
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.documents.document import Document, Id, Reference, UploadId
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.skills import Skill
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.usecases.writes import settling
from tests.usecases.world import World, open_world


def skill(world: World) -> Skill:
    fields = {"name": new_id()}
    return Skill(**world.ctx.stamp(), **fields, **Skill.derived(fields))


def course(world: World, teacher: Actor, of: Skill | None) -> Course:
    fields = {"course_code": new_id(), "title": "t", "skill_id": of and of.id}
    return Course(**world.ctx.stamp(), instructor_user_id=teacher.user_id, **fields, **Course.derived(fields))


async def test_what_courses_use_stays_whoever_comes_first(world: World) -> None:
    ctx, ada = world.ctx, await world.person("ada", "instructor")
    for _ in range(12):
        one = await settling.add(ctx, skill(world))
        added, removed = await asyncio.gather(
            settling.add(ctx, course(world, ada, one)), settling.remove(ctx, one), return_exceptions=True
        )
        used = await ctx.of(Course).exists({"skillId": one.id})
        assert used == isinstance(added, Course)
        assert await ctx.of(Skill).exists({"_id": one.id}) == isinstance(removed, Conflict)
        assert isinstance(removed, Conflict) or not used


async def test_a_course_that_turns_to_what_is_being_deleted_is_told(world: World) -> None:
    ctx, ada = world.ctx, await world.person("ada", "instructor")
    for _ in range(12):
        one, lesson = await settling.add(ctx, skill(world)), await settling.add(ctx, course(world, ada, None))
        await asyncio.gather(
            settling.change(ctx, lesson, {"skill_id": one.id}), settling.remove(ctx, one), return_exceptions=True
        )
        named = (await ctx.of(Course).get(lesson.id)).skill_id
        assert named is None or await ctx.of(Skill).exists({"_id": named})


async def test_every_missing_one_is_named(world: World) -> None:
    ada = await world.person("ada", "instructor")
    gone = skill(world)
    with pytest.raises(Invalid) as refused:
        await settling.add(world.ctx, course(world, ada, gone))
    assert [(fault.loc, fault.msg) for fault in refused.value.errors] == [("skillId", "there is no such skill")]


class Poster(Document):
    """Refers to something and shows uploads."""

    collection: ClassVar[str] = "posters"
    owned_by: ClassVar[str | None] = "user_id"
    references: ClassVar[tuple[Reference, ...]] = (Reference("skill_id", "skills", "refuse"),)

    user_id: Id
    skill_id: Id
    front: UploadId
    back: UploadId


async def test_uploads_are_named_along_with_what_is_missing(uri: str, tmp_path: Path) -> None:
    async with open_world(uri, tmp_path, documents=[*DOCUMENTS, Poster]) as world:
        ada, eve = await world.person("ada"), await world.person("eve")
        own, theirs = (await world.upload(ada)).id, (await world.upload(eve)).id
        about = await settling.add(world.ctx, skill(world))

        def poster(skill_id: str, front: str, back: str) -> Poster:
            of = {"user_id": ada.user_id, "skill_id": skill_id}
            return Poster(**world.ctx.stamp(), **of, front=front, back=back)

        made = await settling.add(world.ctx, poster(about.id, own, own))
        for skill_id, front, back, named in (
            (new_id(), theirs, theirs, ["skillId", "front", "back"]),
            (about.id, theirs, theirs, ["front", "back"]),
            (new_id(), own, theirs, ["skillId", "back"]),
            (new_id(), own, own, ["skillId"]),
        ):
            fields = {"skill_id": skill_id, "front": front, "back": back}
            for refused in (
                settling.add(world.ctx, poster(skill_id, front, back)),
                settling.change(world.ctx, made, fields),
            ):
                with pytest.raises(Invalid) as caught:
                    await refused
                assert [fault.loc for fault in caught.value.errors] == named
        assert await world.ctx.of(Poster).find({}) == [made]
        assert not (await world.ctx.uploads.get(theirs)).used
