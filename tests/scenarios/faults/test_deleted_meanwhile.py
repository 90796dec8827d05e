"""Something is deleted just while many want something of it: what they got went along, or they did not get it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.scenarios import invariants
from tests.scenarios.campus import Campus
from tests.scenarios.crowd import Answered, Client, Crowd, gather

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

SEED = 2
PEOPLE = 30
ROUNDS = 8
GONE = (404, 409, 422)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def campus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Campus]:
    async with Campus.open(tmp_path_factory.mktemp("deleting")) as campus:
        yield campus


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def people(campus: Campus) -> AsyncIterator[list[Client]]:
    """An admin is the last of them."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        crowd = await Crowd.at(http, campus.server.url)
        yield [*await gather(crowd, PEOPLE, SEED), await campus.admin(crowd)]


async def at_once(acts: Sequence[Coroutine[Any, Any, Any]], end: Coroutine[Any, Any, Any], part: float) -> None:
    """All acts at once, and `end` when that part of them is over."""
    running = [asyncio.ensure_future(act) for act in acts]
    left = asyncio.Semaphore(0)
    for one in running:
        one.add_done_callback(lambda _: left.release())

    async def later() -> None:
        for _ in range(int(part * len(acts))):
            await left.acquire()
        await end

    await asyncio.gather(*running, later())


def parts() -> list[float]:
    """In each round some more have had their way before the deletion."""
    return [n / ROUNDS for n in range(ROUNDS)]


async def test_a_tweet(campus: Campus, people: list[Client]) -> None:
    author, *others, admin = people

    async def heckle(person: Client, tweet: str, n: int) -> None:
        if n % 3 == 0:
            body = {"content": {"text": f"as {author.name} says, @{author.name}"}}
            said = await person.ask("POST", f"/tweets/{tweet}/comments", body, expect=(201, *GONE))
            if said.status == 201:
                await person.ask("PUT", f"/comments/{said.id}/like", expect=(200, *GONE))
        else:
            await person.ask("PUT", f"/tweets/{tweet}/like", expect=(200, *GONE))
            if n % 3 == 1:
                await person.ask("DELETE", f"/tweets/{tweet}/like", expect=(200, *GONE))

    for part in parts():
        body = {"content": {"text": f"listen, @{others[0].name}"}}
        tweet = (await author.ask("POST", "/tweets", body, expect=(201,))).id
        acts = [heckle(person, tweet, n) for n, person in enumerate(others)]
        await at_once(acts, author.ask("DELETE", f"/tweets/{tweet}", expect=(204,)), part)
        await admin.ask("GET", f"/tweets/{tweet}", expect=(404,))
    everything = await invariants.check(campus.uri, campus.database)
    assert not [kind for kind in ("tweets", "comments", "tweet_likes", "comment_likes") if everything.ids(kind)]
    admin.crowd.shown("PUT /tweets/{id}/like 200", "PUT /tweets/{id}/like 404|409|422")


async def test_a_course_a_level_and_a_lesson(campus: Campus, people: list[Client]) -> None:
    *students, admin = people
    goes = ("courses", "levels", "lessons")

    async def study(student: Client, course: str, lesson: str, n: int) -> None:
        taken: Answered | None = None
        if n % 2:
            taken = await student.ask("POST", "/enrollments", {"courseId": course}, expect=(201, *GONE))
        for status in ("in-progress", "completed"):
            body = {"lessonId": lesson, "completionStatus": status}
            await student.ask("PUT", "/progress", body, expect=(200, 403, *GONE))
        if taken is not None and taken.status == 201 and n % 3 == 0:
            await student.ask("DELETE", f"/enrollments/{taken.id}", expect=(204, *GONE))

    async def teach(course: str, level: str) -> None:
        for _ in range(5):
            await admin.ask("POST", f"/levels/{level}/lessons", {"title": "More"}, expect=(201, *GONE))
            await admin.ask("POST", f"/courses/{course}/levels", {"title": "More"}, expect=(201, *GONE))

    for round, part in enumerate(parts()):
        body = {"courseCode": f"round-{round}", "title": "A round", "published": True}
        course = (await admin.ask("POST", "/courses", body, expect=(201,))).id
        level = (await admin.ask("POST", f"/courses/{course}/levels", {"title": "L"}, expect=(201,))).id
        lesson = (await admin.ask("POST", f"/levels/{level}/lessons", {"title": "L"}, expect=(201,))).id
        for student in students[::2]:
            await student.ask("POST", "/enrollments", {"courseId": course}, expect=(201,))
        acts = [*(study(student, course, lesson, n) for n, student in enumerate(students)), teach(course, level)]
        kind = goes[round % 3]
        path = f"/{kind}/{ {'courses': course, 'levels': level, 'lessons': lesson}[kind] }"
        await at_once(acts, admin.ask("DELETE", path, expect=(204,)), part)
        await admin.ask("GET", path, expect=(404,))
        await invariants.check(campus.uri, campus.database)
    admin.crowd.shown("PUT /progress 200", "PUT /progress 409|422", "DELETE /enrollments/{id} 204")


async def test_a_person(campus: Campus, people: list[Client]) -> None:
    *others, admin = people

    async def court(person: Client, whom: Client, tweet: str, n: int) -> None:
        if n % 3 == 0:
            await person.ask("POST", "/follows", {"followingUserId": whom.id}, expect=(201, *GONE))
            await person.ask("PUT", f"/tweets/{tweet}/like", expect=(200, *GONE))
        elif n % 3 == 1:
            letter = {"receiverUserId": whom.id, "content": "dear you"}
            await person.ask("POST", "/messages", letter, expect=(201, 403, *GONE))
        else:
            body = {"content": {"text": f"@{whom.name}, are you there?"}}
            await person.ask("POST", f"/tweets/{tweet}/comments", body, expect=(201, *GONE))

    async def busy(whom: Client, friends: Sequence[Client]) -> None:
        """Their own doings while they go: no answer of the server's is a 5xx."""
        for friend in friends:
            for path, body in (
                ("/follows", {"followingUserId": friend.id}),
                ("/messages", {"receiverUserId": friend.id, "content": "farewell"}),
                ("/tweets", {"content": {"text": f"farewell @{friend.name}"}}),
            ):
                await whom.ask("POST", path, body, expect=(201, 401, 403, *GONE))

    for round, part in enumerate(parts()):
        (leaving,) = await gather(admin.crowd, 1, SEED, f"leaving{round}-")
        body = {"content": {"text": "I go."}}
        tweet = (await leaving.ask("POST", "/tweets", body, expect=(201,))).id
        acts = [court(person, leaving, tweet, n) for n, person in enumerate(others)]
        acts.append(busy(leaving, others[:3]))
        await at_once(acts, admin.ask("DELETE", f"/users/{leaving.id}", expect=(204,)), part)
        await admin.ask("GET", f"/users/{leaving.id}", expect=(404,))
        await invariants.check(campus.uri, campus.database)
    admin.crowd.shown("POST /follows 201", "POST /messages 201", "POST /follows 409|422")
