"""Puts the school into a server by the same use cases as people: rules hold, counters and notices follow."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mediaserver.base.errors import Conflict
from mediaserver.domain.accounts.users import Profile
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.assignments import Assignment
from mediaserver.domain.learning.content_blocks import Block, Work
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.skills import Skill
from mediaserver.domain.learning.submissions import Mark, Submission
from mediaserver.domain.social.tweets import Content
from mediaserver.seed import pictures, school
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.context import Context
from mediaserver.usecases.learning import assignments, enrollments, lessons, progress, submissions
from mediaserver.usecases.messaging import direct_messages
from mediaserver.usecases.representation import users
from mediaserver.usecases.sessions import sessions
from mediaserver.usecases.social import comments, follows, likes, tweets
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.writes import settling

_BLOCKS: TypeAdapter[list[Any]] = TypeAdapter(list[Block])
_WORK: TypeAdapter[Any] = TypeAdapter(Work)
_DRAWN = {
    "light.png": pictures.light,
    "waves.png": pictures.waves,
    "staff.png": pictures.staff,
    "tone.wav": pictures.tone,
    "film.webm": pictures.film,
}


@dataclass(slots=True)
class Planted:
    people: dict[str, Actor] = field(default_factory=dict)
    skills: dict[str, str] = field(default_factory=dict)
    courses: dict[str, Course] = field(default_factory=dict)
    lessons: dict[str, list[Lesson]] = field(default_factory=dict)
    """By course code, in their order."""


async def plant(ctx: Context, password: str) -> Planted:
    """Everything. Conflict `not_empty` when the first of its people is there already."""
    if await ctx.users.exists({"usernameFolded": school.PEOPLE[0].name}):
        raise Conflict("not_empty", f"there is a user {school.PEOPLE[0].name} already: the school is here")
    planted = Planted()
    with tempfile.TemporaryDirectory() as directory:
        files = _Files(ctx, Path(directory))
        await _people(ctx, planted, files, password)
        for course in school.COURSES:
            await _course(ctx, planted, files, course)
        await _learning(ctx, planted)
        await _social(ctx, planted, files)
        await _messages(ctx, planted)
        await _sessions(ctx, planted)
    return planted


class _Files:
    """Draws files and uploads them for whoever shows them."""

    def __init__(self, ctx: Context, directory: Path) -> None:
        self._ctx, self._directory = ctx, directory

    async def upload(self, owner: Actor, name: str) -> str:
        path = self._directory / name
        if not path.exists():
            _DRAWN[name](path)
        return await self._store(owner, path)

    async def portrait(self, owner: Actor, hue: int) -> str:
        path = self._directory / f"{owner.username}.png"
        pictures.portrait(path, hue)
        return await self._store(owner, path)

    async def _store(self, owner: Actor, path: Path) -> str:
        async def chunks() -> AsyncIterator[bytes]:
            yield path.read_bytes()

        return (await uploads.create(self._ctx, owner, path.name, chunks())).id


async def _people(ctx: Context, planted: Planted, files: _Files, password: str) -> None:
    for name, description, category in school.SKILLS:
        fields = {"name": name, "description": description, "category": category}
        skill = await settling.add(ctx, Skill(**ctx.stamp(), **fields, **Skill.derived(fields)))
        planted.skills[name] = skill.id
    for number, person in enumerate(school.PEOPLE):
        user = await identity.create_user(ctx, person.name, f"{person.name}@example.org", password, person.role)
        actor = planted.people[person.name] = Actor(user.id, user.username, user.role, login_id="")
        own = {
            "profile": Profile(bio=person.bio, location=person.location),
            "skills": [planted.skills[skill] for skill in person.skills],
            "profile_image": await files.portrait(actor, number * 31 % 256),
        }
        await users.update(ctx, actor, user, own)


async def _course(ctx: Context, planted: Planted, files: _Files, one: school.Course) -> None:
    teacher = planted.people[one.instructor]
    fields = {
        "course_code": one.code,
        "title": one.title,
        "description": one.description,
        "skill_id": planted.skills[one.skill],
        "duration": one.minutes,
        "published": one.published,
    }
    made = Course(**ctx.stamp(), instructor_user_id=teacher.user_id, **fields, **Course.derived(fields))
    course = planted.courses[one.code] = await settling.add(ctx, made)
    planted.lessons[one.code] = []
    for level in one.levels:
        part = await lessons.create_level(ctx, teacher, {"course_id": course.id, "title": level.title})
        for lesson in level.lessons:
            content = _BLOCKS.validate_python([await _block(files, teacher, block) for block in lesson.content])
            given = {"level_id": part.id, "course_id": course.id, "title": lesson.title, "content": content}
            planted.lessons[one.code].append(await lessons.create(ctx, teacher, given))
    for student in one.students:
        await enrollments.enroll(ctx, planted.people[student], {"course_id": course.id})


async def _block(files: _Files, owner: Actor, block: school.Block) -> school.Block:
    value = block["value"]
    if isinstance(value, str) and value.startswith("@"):
        return {**block, "value": await files.upload(owner, value[1:])}
    return block


async def _learning(ctx: Context, planted: Planted) -> None:
    """Students are at different places; one has handed in what another still owes."""
    people, of_light = planted.people, planted.lessons["PHY-101"]
    for name, done in {"ada": 3, "carla": 2, "ben": 1, "eve": 1}.items():
        for lesson in of_light[:done]:
            await progress.put(ctx, people[name], lesson.id, "completed")
    await progress.put(ctx, people["ben"], of_light[1].id, "in-progress")
    for name in ("ada", "ben"):
        await progress.put(ctx, people[name], planted.lessons["MUS-110"][0].id, "completed")
    work = {
        "lesson_id": of_light[1].id,
        "course_id": of_light[1].course_id,
        "title": "Measure a bend",
        "description": "Put a ruler into a glass of water, measure both angles, and compare with Snell.",
        "deadline": ctx.clock() + timedelta(days=5),
    }
    assignment = await assignments.create(ctx, people["nora"], work)
    ada = await _hand_in(ctx, people["ada"], assignment, "45° became 32°. Snell says 32.1°, my ruler says sorry.")
    mark = Mark(score=95, feedback="Measured, compared, and honest about the ruler.")
    await submissions.grade(ctx, people["nora"], ada, mark)
    await _hand_in(ctx, people["carla"], assignment, "I drew both angles: 30° and 22°.")


async def _hand_in(ctx: Context, student: Actor, assignment: Assignment, words: str) -> Submission:
    content = _WORK.validate_python({"type": "text", "value": words})
    of = {"assignment_id": assignment.id, "lesson_id": assignment.lesson_id, "course_id": assignment.course_id}
    return await submissions.create(ctx, student, {**of, "content": content})


async def _social(ctx: Context, planted: Planted, files: _Files) -> None:
    people = planted.people
    for name, others in school.FOLLOWS.items():
        for other in others:
            await follows.follow(ctx, people[name], {"following_user_id": people[other].user_id})
    for one in school.TWEETS:
        at = ctx.clock() - timedelta(days=one.days_ago)
        then = replace(ctx, clock=lambda at=at: at)  # type: ignore[misc]
        media = [await files.upload(people[one.by], one.picture)] if one.picture else []
        tweet = await tweets.post(then, people[one.by], {"content": Content(text=one.text, media=media)})
        for name in one.liked_by:
            await likes.like(then, people[name], tweet)
        for name, words in one.comments:
            await comments.post(then, people[name], {"tweet_id": tweet.id, "content": Content(text=words)})


async def _messages(ctx: Context, planted: Planted) -> None:
    for number, (sender, receiver, words) in enumerate(school.MESSAGES):
        given = {"receiver_user_id": planted.people[receiver].user_id, "content_type": "Text", "content": words}
        await direct_messages.create(ctx, planted.people[sender], {"client_id": f"seed-{number}", **given})


async def _sessions(ctx: Context, planted: Planted) -> None:
    """One to come for a course, one open to all that is over, with its chat."""
    people, now = planted.people, ctx.clock()
    tomorrow = now.replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    bound = {
        "title": "Light and waves: questions before the weekend",
        "course_id": planted.courses["PHY-101"].id,
        "start_time": tomorrow,
        "end_time": tomorrow + timedelta(hours=1),
    }
    await sessions.create(ctx, people["nora"], "video", bound)
    talk = await sessions.create(ctx, people["tom"], "audio", {"title": "Open ear: bring a song"})
    await sessions.start(ctx, people["tom"], "audio", talk.id)
    await sessions.end(ctx, people["tom"], "audio", talk.id)


def accounts(planted: Planted) -> Sequence[str]:
    return [f"{name} ({actor.role})" for name, actor in planted.people.items()]
