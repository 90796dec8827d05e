"""Saying something to those who follow."""

from collections.abc import Mapping
from typing import Any

from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.social.tweets import Content, Tweet
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.social import posts
from mediaserver.usecases.writes import counters, settling


async def post(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Tweet:
    """Invalid for nothing said and for uploads that are not one's own."""
    content: Content = fields["content"]
    posts.require_words(content)
    stamp = ctx.stamp()
    said = Tweet(
        **stamp,
        user_id=actor.user_id,
        timestamp=stamp["created_at"],
        content=content,
        **Tweet.derived(fields),
    )
    return await settling.add(ctx, await posts.naming(ctx, said))


async def _added(ctx: Context, tweet: Tweet) -> None:
    if tweet.edited_at is None:
        await counters.count(ctx, User, tweet.user_id, "tweetsCount", 1, tweet)
    await posts.tell_mentioned(ctx, tweet)


async def _removed(ctx: Context, tweet: Tweet) -> None:
    await counters.count(ctx, User, tweet.user_id, "tweetsCount", -1, tweet)
    await posts.untell(ctx, tweet)


async def _tidy(ctx: Context, tweet: Tweet) -> None:
    await counters.forget(ctx, User, tweet.user_id, "tweetsCount", tweet)


CONSEQUENCES = Consequences(_added, _removed, _tidy, edited=True)
