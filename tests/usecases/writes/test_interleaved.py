"""Two do things that touch each other, switched at every point: in the end nothing is half done or left over."""

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor, Role
from mediaserver.domain.learning.clips import VideoClip
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.levels import Level
from mediaserver.domain.learning.skills import Skill
from mediaserver.domain.messaging.direct_messages import DirectMessage
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.follows import Follow
from mediaserver.domain.social.tweets import Content, Tweet
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.learning import clips, courses, enrollments, lessons, ordering, progress
from mediaserver.usecases.messaging import conversations, direct_messages
from mediaserver.usecases.personal_data import erasure
from mediaserver.usecases.sessions import sessions
from mediaserver.usecases.social import comments, follows, likes, posts, tweets
from mediaserver.usecases.writes import settling
from tests.scenarios import invariants
from tests.usecases import school
from tests.usecases.interleaved import Work, with_switch_at
from tests.usecases.world import PASSWORD, World

pytestmark = pytest.mark.slow


class Stage:
    """People, and what they are about to do to each other; made anew for each switch."""

    def __init__(self, world: World, ada: Actor, eve: Actor, root: Actor) -> None:
        self.world, self.ctx, self.ada, self.eve, self.root = world, world.ctx, ada, eve, root

    @classmethod
    async def make(cls, world: World, number: int) -> "Stage":
        roles: dict[str, Role] = {"ada": "student", "eve": "student", "root": "admin"}
        people = []
        for name, role in roles.items():
            called = f"{name}{number}"
            user = await identity.create_user(world.ctx, called, f"{called}@example.org", PASSWORD, role)
            people.append(Actor(user.id, called, role, login_id=""))
        return cls(world, *people)

    async def tweet(self, text: str = "hello", **more: Any) -> Tweet:
        said = await tweets.post(self.ctx, self.ada, {"content": Content(text=text, **more)})
        return await self.ctx.of(Tweet).get(said.id)

    async def comment(self, on: Tweet, text: str = "well") -> Comment:
        return await comments.post(self.ctx, self.eve, {"tweet_id": on.id, "content": Content(text=text)})

    async def course(self) -> tuple[Course, Level, Lesson]:
        course = await school.course(self.world, self.root, self.root.username)
        level = await school.level(self.world, self.root, course)
        return course, level, await school.lesson(self.world, self.root, level)

    async def enrolled(self, course: Course) -> Enrollment:
        return await enrollments.enroll(self.ctx, self.ada, {"course_id": course.id})

    async def user(self, who: Actor) -> User:
        return await self.ctx.users.get(who.user_id)

    async def letter(self) -> DirectMessage:
        body = {"receiver_user_id": self.ada.user_id, "content": "dear ada"}
        return await direct_messages.create(self.ctx, self.eve, body)

    def remove(self, document: Any) -> Work:
        return lambda: settling.remove(self.ctx, document)


Pair = tuple[Work, Work]
Case = Callable[[Stage], Awaitable[Pair]]


async def like_and_delete_the_tweet(on: Stage) -> Pair:
    tweet = await on.tweet()
    return lambda: likes.like(on.ctx, on.eve, tweet), on.remove(tweet)


async def unlike_and_delete_the_tweet(on: Stage) -> Pair:
    tweet = await on.tweet()
    await likes.like(on.ctx, on.eve, tweet)
    return lambda: likes.unlike(on.ctx, on.eve, tweet), on.remove(tweet)


async def like_and_unlike(on: Stage) -> Pair:
    tweet = await on.tweet()
    return lambda: likes.like(on.ctx, on.eve, tweet), lambda: likes.unlike(on.ctx, on.eve, tweet)


async def like_twice(on: Stage) -> Pair:
    tweet = await on.tweet()
    return lambda: likes.like(on.ctx, on.eve, tweet), lambda: likes.like(on.ctx, on.eve, tweet)


async def unlike_twice(on: Stage) -> Pair:
    tweet = await on.tweet()
    await likes.like(on.ctx, on.eve, tweet)
    return lambda: likes.unlike(on.ctx, on.eve, tweet), lambda: likes.unlike(on.ctx, on.eve, tweet)


async def two_like(on: Stage) -> Pair:
    tweet = await on.tweet()
    return lambda: likes.like(on.ctx, on.eve, tweet), lambda: likes.like(on.ctx, on.root, tweet)


async def comment_and_delete_the_tweet(on: Stage) -> Pair:
    tweet = await on.tweet()
    return lambda: on.comment(tweet, f"@{on.root.username}"), on.remove(tweet)


async def like_a_comment_and_delete_it(on: Stage) -> Pair:
    comment = await on.comment(await on.tweet())
    return lambda: likes.like(on.ctx, on.ada, comment), on.remove(comment)


async def like_a_comment_and_delete_its_tweet(on: Stage) -> Pair:
    tweet = await on.tweet()
    comment = await on.comment(tweet)
    return lambda: likes.like(on.ctx, on.ada, comment), on.remove(tweet)


async def delete_a_comment_and_its_tweet(on: Stage) -> Pair:
    tweet = await on.tweet()
    return on.remove(await on.comment(tweet)), on.remove(tweet)


async def edit_and_delete_a_tweet(on: Stage) -> Pair:
    tweet = await on.tweet()
    said = {"content": Content(text=f"hear, @{on.root.username}")}
    return lambda: posts.edit(on.ctx, on.ada, tweet, said), on.remove(tweet)


async def edit_twice(on: Stage) -> Pair:
    tweet = await on.tweet()
    one, other = ({"content": Content(text=f"{word} @{on.root.username}")} for word in ("one", "other"))
    return lambda: posts.edit(on.ctx, on.ada, tweet, one), lambda: posts.edit(on.ctx, on.ada, tweet, other)


async def show_other_pictures_twice(on: Stage) -> Pair:
    first, second, third = [(await on.world.upload(on.ada)).id for _ in range(3)]
    tweet = await on.tweet(media=[first, second])
    one, other = ({"content": Content(text="x", media=[a, b])} for a, b in ((first, third), (second, third)))
    return lambda: posts.edit(on.ctx, on.ada, tweet, one), lambda: posts.edit(on.ctx, on.ada, tweet, other)


async def show_another_picture_and_delete(on: Stage) -> Pair:
    first, second = [(await on.world.upload(on.ada)).id for _ in range(2)]
    tweet = await on.tweet(media=[first])
    said = {"content": Content(text="x", media=[second])}
    return lambda: posts.edit(on.ctx, on.ada, tweet, said), on.remove(tweet)


async def tweet_of_somebody_who_goes(on: Stage) -> Pair:
    eve = await on.user(on.eve)
    return lambda: on.tweet(f"hear, @{on.eve.username}"), lambda: erasure.erase(on.ctx, on.root, eve)


async def tweet_and_go(on: Stage) -> Pair:
    ada = await on.user(on.ada)
    return lambda: on.tweet("farewell"), lambda: erasure.erase(on.ctx, on.root, ada)


async def comment_and_go(on: Stage) -> Pair:
    eve, tweet = await on.user(on.eve), await on.tweet()
    return lambda: on.comment(tweet), lambda: erasure.erase(on.ctx, on.root, eve)


async def like_and_go(on: Stage) -> Pair:
    eve, tweet = await on.user(on.eve), await on.tweet()
    return lambda: likes.like(on.ctx, on.eve, tweet), lambda: erasure.erase(on.ctx, on.root, eve)


async def plan_a_session_and_go(on: Stage) -> Pair:
    ada = await on.user(on.ada)
    plan = {"title": "Algebra"}
    return lambda: sessions.create(on.ctx, on.ada, "video", plan), lambda: erasure.erase(on.ctx, on.root, ada)


def _follow(on: Stage) -> Work:
    return lambda: follows.follow(on.ctx, on.eve, {"following_user_id": on.ada.user_id})


async def follow_somebody_who_goes(on: Stage) -> Pair:
    ada = await on.user(on.ada)
    return _follow(on), lambda: erasure.erase(on.ctx, on.root, ada)


async def follow_and_go(on: Stage) -> Pair:
    eve = await on.user(on.eve)
    return _follow(on), lambda: erasure.erase(on.ctx, on.root, eve)


async def follow_twice(on: Stage) -> Pair:
    return _follow(on), _follow(on)


async def unfollow_somebody_who_goes(on: Stage) -> Pair:
    ada = await on.user(on.ada)
    await _follow(on)()
    (follow,) = await on.ctx.of(Follow).find({"followerUserId": on.eve.user_id})
    return lambda: follows.unfollow(on.ctx, on.eve, follow), lambda: erasure.erase(on.ctx, on.root, ada)


async def two_who_follow_each_other_go(on: Stage) -> Pair:
    ada, eve = await on.user(on.ada), await on.user(on.eve)
    await _follow(on)()
    await follows.follow(on.ctx, on.ada, {"following_user_id": on.eve.user_id})
    return lambda: erasure.erase(on.ctx, on.root, ada), lambda: erasure.erase(on.ctx, on.root, eve)


async def write_to_somebody_who_goes(on: Stage) -> Pair:
    ada = await on.user(on.ada)
    return on.letter, lambda: erasure.erase(on.ctx, on.root, ada)


async def write_and_go(on: Stage) -> Pair:
    eve = await on.user(on.eve)
    return on.letter, lambda: erasure.erase(on.ctx, on.root, eve)


async def two_who_wrote_to_each_other_go(on: Stage) -> Pair:
    ada, eve = await on.user(on.ada), await on.user(on.eve)
    await on.letter()
    return lambda: erasure.erase(on.ctx, on.root, ada), lambda: erasure.erase(on.ctx, on.root, eve)


async def write_and_delete_what_was_last(on: Stage) -> Pair:
    return on.letter, on.remove(await on.letter())


async def delete_two_letters(on: Stage) -> Pair:
    return on.remove(await on.letter()), on.remove(await on.letter())


async def write_and_read(on: Stage) -> Pair:
    await on.letter()
    return on.letter, lambda: conversations.read(on.ctx, on.ada, on.eve.user_id)


async def enroll_and_delete_the_course(on: Stage) -> Pair:
    course, _, _ = await on.course()
    return lambda: on.enrolled(course), on.remove(course)


async def leave_and_delete_the_course(on: Stage) -> Pair:
    course, _, _ = await on.course()
    return on.remove(await on.enrolled(course)), on.remove(course)


async def enroll_twice(on: Stage) -> Pair:
    course, _, _ = await on.course()
    return lambda: on.enrolled(course), lambda: on.enrolled(course)


async def enroll_and_go(on: Stage) -> Pair:
    course, _, _ = await on.course()
    ada = await on.user(on.ada)
    return lambda: on.enrolled(course), lambda: erasure.erase(on.ctx, on.root, ada)


async def _studying(on: Stage, goes: int) -> Pair:
    parts = await on.course()
    await on.enrolled(parts[0])
    lesson = parts[2]
    return lambda: progress.put(on.ctx, on.ada, lesson.id, "completed"), on.remove(parts[goes])


async def study_and_delete_the_course(on: Stage) -> Pair:
    return await _studying(on, 0)


async def study_and_delete_the_level(on: Stage) -> Pair:
    return await _studying(on, 1)


async def study_and_delete_the_lesson(on: Stage) -> Pair:
    return await _studying(on, 2)


async def study_twice(on: Stage) -> Pair:
    course, _, lesson = await on.course()
    await on.enrolled(course)
    one, other = "in-progress", "completed"
    return (
        lambda: progress.put(on.ctx, on.ada, lesson.id, one),  # type: ignore[arg-type]
        lambda: progress.put(on.ctx, on.ada, lesson.id, other),  # type: ignore[arg-type]
    )


async def add_a_lesson_and_delete_the_level(on: Stage) -> Pair:
    _, level, _ = await on.course()
    return lambda: school.lesson(on.world, on.root, level), on.remove(level)


async def add_a_lesson_and_delete_the_course(on: Stage) -> Pair:
    course, level, _ = await on.course()
    return lambda: school.lesson(on.world, on.root, level), on.remove(course)


async def delete_a_lesson_and_its_course(on: Stage) -> Pair:
    course, _, lesson = await on.course()
    return on.remove(lesson), on.remove(course)


async def move_a_lesson_and_delete_where_it_goes(on: Stage) -> Pair:
    course, _, lesson = await on.course()
    other = await school.level(on.world, on.root, course)
    return lambda: lessons.update(on.ctx, on.root, lesson, {"level_id": other.id}), on.remove(other)


async def move_a_lesson_and_delete_where_it_was(on: Stage) -> Pair:
    course, level, lesson = await on.course()
    other = await school.level(on.world, on.root, course)
    return lambda: lessons.update(on.ctx, on.root, lesson, {"level_id": other.id}), on.remove(level)


async def teach_a_skill_and_delete_it(on: Stage) -> Pair:
    course, _, _ = await on.course()
    fields = {"name": f"Skill of {on.root.username}"}
    skill = await settling.add(on.ctx, Skill(**on.ctx.stamp(), **fields, **Skill.derived(fields)))
    return lambda: courses.update(on.ctx, on.root, course, {"skill_id": skill.id}), on.remove(skill)


async def _with_a_film(on: Stage) -> tuple[Course, Lesson, VideoClip]:
    """A course, a lesson of it, and a clip of another level."""
    course, _, lesson = await on.course()
    other = await school.lesson_of(on.world, on.root, course)
    film = await on.world.upload(on.root, "video/mp4")
    of = {"lesson_id": other.id, "course_id": course.id}
    return course, lesson, await clips.create(on.ctx, on.root, {**of, "title": "Proof", "upload": film.id})


def _show(on: Stage, lesson: Lesson, film: VideoClip) -> Work:
    shown = {"content": [school.block(film.id, "clip")]}
    return lambda: lessons.update(on.ctx, on.root, lesson, shown)


async def show_a_clip_and_delete_it(on: Stage) -> Pair:
    _, lesson, film = await _with_a_film(on)
    return _show(on, lesson, film), on.remove(film)


async def show_a_clip_and_delete_its_level(on: Stage) -> Pair:
    _, lesson, film = await _with_a_film(on)
    level = await on.ctx.of(Level).get((await on.ctx.of(Lesson).get(film.lesson_id)).level_id)
    return _show(on, lesson, film), on.remove(level)


async def show_a_clip_and_delete_the_course(on: Stage) -> Pair:
    course, lesson, film = await _with_a_film(on)
    return _show(on, lesson, film), on.remove(course)


async def show_a_clip_of_another_course_and_hide_it(on: Stage) -> Pair:
    _, _, film = await _with_a_film(on)
    other = await school.course(on.world, on.root, f"{on.root.username}-2")
    lesson = await school.lesson_of(on.world, on.root, other)
    await clips.show(on.ctx, on.root, other, film.id, None)
    return _show(on, lesson, film), lambda: clips.hide(on.ctx, other, film.id)


async def show_a_clip_of_another_course_and_delete_that(on: Stage) -> Pair:
    course, _, film = await _with_a_film(on)
    other = await school.course(on.world, on.root, f"{on.root.username}-2")
    lesson = await school.lesson_of(on.world, on.root, other)
    await clips.show(on.ctx, on.root, other, film.id, None)
    return _show(on, lesson, film), on.remove(course)


async def order_levels_and_delete_one(on: Stage) -> Pair:
    course, level, _ = await on.course()
    other = await school.level(on.world, on.root, course)
    return lambda: ordering.reorder(on.ctx, course, [other.id, level.id], "levelIds"), on.remove(level)


async def order_levels_and_delete_the_course(on: Stage) -> Pair:
    course, level, _ = await on.course()
    return lambda: ordering.reorder(on.ctx, course, [level.id], "levelIds"), on.remove(course)


CASES: tuple[Case, ...] = (
    like_and_delete_the_tweet, unlike_and_delete_the_tweet, like_and_unlike, like_twice, unlike_twice, two_like,
    comment_and_delete_the_tweet, like_a_comment_and_delete_it, like_a_comment_and_delete_its_tweet,
    delete_a_comment_and_its_tweet, edit_and_delete_a_tweet, edit_twice, show_other_pictures_twice,
    show_another_picture_and_delete, tweet_of_somebody_who_goes, tweet_and_go, comment_and_go, like_and_go,
    plan_a_session_and_go,
    follow_somebody_who_goes, follow_and_go, follow_twice, unfollow_somebody_who_goes,
    two_who_follow_each_other_go, write_to_somebody_who_goes, write_and_go, two_who_wrote_to_each_other_go,
    write_and_delete_what_was_last, delete_two_letters, write_and_read, enroll_and_delete_the_course,
    leave_and_delete_the_course, enroll_twice, enroll_and_go, study_and_delete_the_course,
    study_and_delete_the_level, study_and_delete_the_lesson, study_twice, add_a_lesson_and_delete_the_level,
    add_a_lesson_and_delete_the_course, delete_a_lesson_and_its_course,
    teach_a_skill_and_delete_it,
    move_a_lesson_and_delete_where_it_goes, move_a_lesson_and_delete_where_it_was, order_levels_and_delete_one,
    order_levels_and_delete_the_course, show_a_clip_and_delete_it, show_a_clip_and_delete_its_level,
    show_a_clip_and_delete_the_course, show_a_clip_of_another_course_and_hide_it,
    show_a_clip_of_another_course_and_delete_that,
)  # fmt: skip


@pytest.mark.parametrize("other_way_round", [False, True], ids=["", "other way round"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__.replace("_", " "))
async def test_whatever_comes_first(world: World, case: Case, other_way_round: bool) -> None:
    for before in count():
        assert before < 200, "one of them never ends"
        stage = await Stage.make(world, before)
        first, second = await case(stage)
        if other_way_round:
            first, second = second, first
        outcome = await with_switch_at(world.ctx, before, first, second)
        everything = await invariants.Everything.read(world.ctx.repositories.database.raw, DOCUMENTS)
        wrong = invariants.faults(everything)
        told = f"switched before operation {before}, refused: {outcome.refused}"
        assert not wrong, "\n".join((told, *wrong))
        if not outcome.switched:
            assert outcome.refused[0] is None, "what is done first is done"
            return
