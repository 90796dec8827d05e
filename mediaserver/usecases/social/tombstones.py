"""What becomes of what a person said when they are gone: a stone where others answered, nothing elsewhere."""

import contextlib
from typing import Any, TypeVar

from mediaserver.base.errors import NotFound
from mediaserver.domain.documents.document import SEARCH_TERMS
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.tweets import Content, Tweet
from mediaserver.usecases.context import Context, stored_names
from mediaserver.usecases.social import posts
from mediaserver.usecases.uploads import attachments
from mediaserver.usecases.writes import settling

S = TypeVar("S", Tweet, Comment)


async def bury(ctx: Context, said: S) -> S:
    """Leave a stone in its place: its author is gone, and what they said; what others said about it stays.

    May be repeated. Of a tweet or comment that nobody answered `settling.remove` is the better end.
    """
    emptied: dict[str, Any] = {"content": Content(), "mentions": [], "removed": True}
    if isinstance(said, Tweet):
        emptied["hashtags"] = []
    stored = stored_names(type(said), emptied)
    if isinstance(said, Tweet):
        stored[SEARCH_TERMS] = []
    # No edit of its author's: one who is just writing it settles it all the same.
    buried = await ctx.of(type(said)).update(said.id, set=stored, edits=False)
    await attachments.release(ctx, said)
    await posts.untell(ctx, said)
    return buried


async def bury_all(ctx: Context, user_id: str) -> None:
    """All that a person said: comments, which are part of somebody's thread, and tweets that others commented
    leave a stone; other tweets go. May be repeated."""
    async for comment in ctx.of(Comment).each({"userId": user_id, "removed": False}):
        await bury(ctx, comment)
    async for tweet in ctx.of(Tweet).each({"userId": user_id, "removed": False}):
        with contextlib.suppress(NotFound):  # it has gone by itself
            if await ctx.of(Comment).exists({"tweetId": tweet.id, "userId": {"$ne": user_id}, "removed": False}):
                await bury(ctx, tweet)
            else:
                await settling.remove(ctx, tweet)
