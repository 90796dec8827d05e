"""The school that `mediaserver seed` plants: whole, lively, and planted once."""

from pathlib import Path

import pytest

from mediaserver.base.errors import Conflict
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.progress import StudentProgress
from mediaserver.domain.learning.submissions import Submission
from mediaserver.domain.messaging.direct_messages import DirectMessage
from mediaserver.domain.notifications import Notification
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.likes import TweetLike
from mediaserver.domain.social.tweets import Tweet
from mediaserver.seed import school
from mediaserver.seed.planting import plant
from mediaserver.usecases.social import feed
from tests.store.conftest import engine, shared_server, uri
from tests.usecases.world import open_world

__all__ = ["engine", "shared_server", "uri"]


@pytest.mark.slow
async def test_there_is_something_to_look_at_everywhere(uri: str, tmp_path: Path) -> None:
    async with open_world(uri, tmp_path) as world:
        ctx = world.ctx
        planted = await plant(ctx, "a school password")
        assert await ctx.users.count({}) == len(school.PEOPLE)
        lessons = sum(len(level.lessons) for course in school.COURSES for level in course.levels)
        assert sum(len(found) for found in planted.lessons.values()) == lessons
        for kind in (Course, Tweet, Comment, DirectMessage, StudentProgress, Submission, Notification):
            assert await ctx.of(kind).exists({}), kind
        for tweet in await ctx.of(Tweet).find({}):
            assert tweet.likes_count == await ctx.of(TweetLike).count({"tweetId": tweet.id})
        ada = planted.people["ada"]
        assert len((await feed.page(ctx, ada, 20, None)).items) >= 4
        kinds = {one.type for one in await ctx.of(Notification).find({"userId": ada.user_id})}
        assert {"graded", "liked", "followed"} <= kinds
        with pytest.raises(Conflict, match="the school is here"):
            await plant(ctx, "a school password")
