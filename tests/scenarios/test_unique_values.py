"""Twenty at once want the same unique thing, of one person or of twenty: one gets it, the rest hear 409."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from mediaserver.domain.learning.enrollments import Enrollment
from tests.scenarios import invariants
from tests.scenarios.campus import Campus
from tests.scenarios.crowd import Answered, Client, Crowd, gather
from tests.scenarios.school import School

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

TIMES = 20


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def campus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Campus]:
    async with Campus.open(tmp_path_factory.mktemp("unique")) as campus:
        yield campus


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def crowd(campus: Campus) -> AsyncIterator[Crowd]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        yield await Crowd.at(http, campus.server.url)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def school(campus: Campus, crowd: Crowd) -> School:
    (teacher,) = await gather(crowd, 1, 0, "teacher")
    school = School(await campus.admin(crowd), [teacher])
    await school.found()
    return school


async def race(askers: Sequence[Client], path: str, bodies: Sequence[Any], code: str) -> Answered:
    """All bodies at once, by whom in turn: one 201, the others 409 with this code. Answers the one."""
    asked = [
        askers[at % len(askers)].ask("POST", path, body, expect=(201, 409)) for at, body in enumerate(bodies)
    ]
    answers = await asyncio.gather(*asked)
    told = Counter((one.status, one.code) for one in answers)
    assert told == {(201, None): 1, (409, code): len(bodies) - 1}, told
    return next(one for one in answers if one.status == 201)


def spelt(name: str) -> list[str]:
    """The same name in two spellings, in turn."""
    return [(name.lower(), name.upper())[n % 2] for n in range(TIMES)]


async def test_a_username(crowd: Crowd) -> None:
    bodies = [
        {"username": name, "email": f"unique{n}@example.org", "password": "long-enough-word"}
        for n, name in enumerate(spelt("unique"))
    ]
    await race([Client(crowd, "nobody", 0)], "/auth/register", bodies, "username_taken")


async def test_an_email(crowd: Crowd) -> None:
    bodies = [
        {"username": f"mailer{n}", "email": f"{name}@example.org", "password": "long-enough-word"}
        for n, name in enumerate(spelt("mail"))
    ]
    await race([Client(crowd, "nobody", 0)], "/auth/register", bodies, "email_taken")


async def test_a_course_code(school: School) -> None:
    bodies = [{"courseCode": code, "title": f"Course {n}"} for n, code in enumerate(spelt("topology-1"))]
    made = await race([*school.teachers, school.admin], "/courses", bodies, "course_code_taken")
    found = await school.admin.ask("GET", "/courses/by-code/Topology-1", expect=(200,))
    assert found.id == made.id


async def test_a_changed_course_code(school: School) -> None:
    """Those who change to it race with those who begin with it."""
    teacher = school.teachers[0]
    paths = []
    for n in range(TIMES):
        made = await teacher.ask("POST", "/courses", {"courseCode": f"own-{n}", "title": "Own"}, expect=(201,))
        paths.append(f"/courses/{made.id}")
    wanted = spelt("wanted")
    changing = [
        teacher.ask("PATCH", path, {"courseCode": code}, expect=(200, 409))
        for path, code in zip(paths, wanted, strict=True)
    ]
    making = [
        teacher.ask("POST", "/courses", {"courseCode": code, "title": "New"}, expect=(201, 409))
        for code in wanted
    ]
    answers = await asyncio.gather(*changing, *making)
    assert Counter(one.status for one in answers)[409] == 2 * TIMES - 1
    kept = [(await teacher.ask("GET", path, expect=(200,))).body["courseCode"] for path in paths]
    assert sum(code.startswith("own-") for code in kept) >= TIMES - 1


async def test_an_enrollment(school: School, crowd: Crowd, campus: Campus) -> None:
    (student,) = await gather(crowd, 1, 0, "student")
    wanted = [{"courseId": school.lasting.id}] * TIMES
    await race([student], "/enrollments", wanted, "enrollment_exists")
    course = await student.ask("GET", f"/courses/{school.lasting.id}", expect=(200,))
    assert course.body["enrolledCount"] == 1
    await invariants.check(campus.uri, campus.database, expect=(Enrollment,))


async def test_a_request_that_comes_twenty_times(school: School, crowd: Crowd) -> None:
    """Under one Idempotency-Key it is one request: one course, whoever comes second waits or gets its answer."""
    teacher = school.teachers[0]
    body = {"courseCode": "once", "title": "Once"}
    crowd.patient = True
    try:
        asked = [teacher.ask("POST", "/courses", body, key="once", expect=(201,)) for _ in range(TIMES)]
        answers = await asyncio.gather(*asked)
    finally:
        crowd.patient = False
    assert len({one.id for one in answers}) == 1
