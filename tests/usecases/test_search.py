"""Searches follow every edit: terms are computed whenever what is searched changes."""

import asyncio

from mediaserver.domain.accounts.users import Profile, User
from mediaserver.domain.documents.document import SEARCH_TERMS, Document
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.social.tweets import Content, Tweet
from mediaserver.usecases.representation import users
from mediaserver.usecases.social import posts, tombstones, tweets
from mediaserver.usecases.writes import settling
from tests.usecases import school
from tests.usecases.world import World


async def hits(world: World, kind: type[Document], words: str) -> list[str]:
    documents = world.ctx.of(kind)
    return [found.id for found in await documents.find(documents.matching(words))]


async def test_an_edited_tweet_is_found_by_its_new_words_only(world: World) -> None:
    ada = await world.person("ada")
    said = await tweets.post(world.ctx, ada, {"content": Content(text="还有可能是定期检修")})
    assert await hits(world, Tweet, "可能") == [said.id]
    said = await world.ctx.of(Tweet).get(said.id)
    said = await posts.edit(world.ctx, ada, said, {"content": Content(text="New versions")})
    assert (await hits(world, Tweet, "可能"), await hits(world, Tweet, "version")) == ([], [said.id])
    await tombstones.bury(world.ctx, said)
    assert await hits(world, Tweet, "version") == []
    stored = await world.ctx.of(Tweet).collection.find_one({"_id": said.id})
    assert stored is not None and stored[SEARCH_TERMS] == []


async def test_a_person_is_found_by_name_and_profile_whichever_was_edited(world: World) -> None:
    ada = await world.person("ada")
    user = await world.ctx.users.get(ada.user_id)
    user = await users.update(world.ctx, ada, user, {"profile": Profile(bio="Geometry", location="Zürich")})
    assert await hits(world, User, "ada zurich") == [user.id]
    await users.update(world.ctx, ada, user, {"username": "Grace.Hopper"})
    assert await hits(world, User, "hopp geometry") == await hits(world, User, "geometry ada") == []
    assert await hits(world, User, "hopper geometry") == [user.id]
    assert await hits(world, User, "ada") == []


async def test_edits_at_the_same_time_leave_the_terms_of_both(world: World) -> None:
    """Each was based on a version without the other."""
    ada = await world.person("ada")
    for number in range(5):
        before = await world.ctx.users.get(ada.user_id)
        await asyncio.gather(
            settling.change(world.ctx, before, {"username": f"name{number}"}),
            settling.change(world.ctx, before, {"profile": Profile(bio=f"bio{number}")}),
            settling.change(world.ctx, before, {"profile_image": None}),
        )
        assert await hits(world, User, f"name{number} bio{number}") == [ada.user_id]


async def test_lessons_and_courses_are_found_by_what_they_say(world: World) -> None:
    ada = await world.person("ada", "instructor")
    course = await school.course(world, ada, "ALG-1", title="Algebra für alle", description="Gleichungen lösen")
    level = await school.level(world, ada, course)
    lesson = await school.lesson(world, ada, level, "Mengen", content=[school.block("東京都の人口")])
    assert await hits(world, Course, "alg-1") == await hits(world, Course, "gleichungen losen") == [course.id]
    assert await hits(world, Lesson, "mengen 人口") == [lesson.id]
    await settling.change(world.ctx, course, {"title": "Geometry"})
    assert (await hits(world, Course, "fur"), await hits(world, Course, "geometry gleich")) == ([], [course.id])
