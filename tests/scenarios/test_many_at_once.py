"""Fifty people do everything at once: no answer is a surprise, counters are exact, nothing is there twice."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.progress import StudentProgress
from mediaserver.domain.messaging.direct_messages import Conversation, DirectMessage
from mediaserver.domain.notifications import Notification
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.follows import Follow
from mediaserver.domain.social.likes import CommentLike, TweetLike
from mediaserver.domain.social.tweets import Tweet
from tests.scenarios import invariants
from tests.scenarios.campus import Campus
from tests.scenarios.crowd import Client, Crowd, all_act, gather
from tests.scenarios.school import School
from tests.scenarios.square import Square

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

SEED = 1
PEOPLE = 50


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def campus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Campus]:
    async with Campus.open(tmp_path_factory.mktemp("campus")) as campus:
        yield campus


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def people(campus: Campus) -> AsyncIterator[list[Client]]:
    """Fifty of them, and an admin last."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        crowd = await Crowd.at(http, campus.server.url)
        clients = await gather(crowd, PEOPLE, SEED)
        yield [*clients, await campus.admin(crowd)]


async def test_a_school_where_all_act_at_once(campus: Campus, people: list[Client]) -> None:
    *students, teacher, other, admin = people
    school = School(admin, [teacher, other])
    await school.found()
    for _ in range(2):
        everyone = [(student, school.learning) for student in students]
        everyone += [(one, school.teaching) for one in school.teachers]
        await all_act(everyone, times=15)
        await school.counts_agree()
        await invariants.check(campus.uri, campus.database, expect=(Course, Enrollment, Lesson, StudentProgress))
    admin.crowd.shown(
        "POST /enrollments 201", "POST /enrollments 409", "DELETE /enrollments/{id} 204", "PUT /progress 200",
        "DELETE /courses/{id} 204", "DELETE /lessons/{id} 204", "DELETE /levels/{id} 204",
    )  # fmt: skip


async def test_a_square_where_all_act_at_once(campus: Campus, people: list[Client]) -> None:
    *everyone, admin = people
    square = Square(everyone, admin)
    await square.open()
    for _ in range(2):
        await all_act([(person, square.acts) for person in everyone], times=15)
        await square.counts_agree()
        await invariants.check(
            campus.uri, campus.database, expect=(Tweet, Comment, TweetLike, CommentLike, Follow, Notification)
        )
    admin.crowd.shown(
        "PUT /tweets/{id}/like 200", "DELETE /tweets/{id}/like 200", "PUT /comments/{id}/like 200",
        "DELETE /tweets/{id} 204", "DELETE /comments/{id} 204", "POST /follows 409", "DELETE /follows/{id} 204",
    )  # fmt: skip


async def test_letters_that_all_write_at_once(campus: Campus, people: list[Client]) -> None:
    *everyone, admin = people
    square = Square(everyone, admin)
    for _ in range(2):
        await all_act([(person, square.letters) for person in everyone], times=8)
        await invariants.check(campus.uri, campus.database, expect=(DirectMessage, Conversation))
    admin.crowd.shown("DELETE /messages/{id} 204", "POST /conversations/{userId}/read 204")
