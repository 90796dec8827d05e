"""Saying something to those who follow."""

from collections.abc import Mapping
from typing import Any

from mediaserver.domain.actor import Actor
from mediaserver.domain.tweets import Content, Tweet
from mediaserver.domain.users import User
from mediaserver.usecases import counting, settling, speech
from mediaserver.usecases.context import Consequences, Context


async def post(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Tweet:
    """Invalid for nothing said and for uploads that are not one's own."""
    content: Content = fields["content"]
    speech.require_words(content)
    stamp = ctx.stamp()
    said = Tweet(
        **stamp,
        user_id=actor.user_id,
        timestamp=stamp["created_at"],
        content=content,
        **Tweet.derived(fields),
    )
    return await settling.add(ctx, await speech.naming(ctx, said))


async def _added(ctx: Context, tweet: Tweet) -> None:
    if tweet.edited_at is None:
        await counting.count(ctx, User, tweet.user_id, "tweetsCount", 1, tweet)
    await speech.tell_mentioned(ctx, tweet)


async def _removed(ctx: Context, tweet: Tweet) -> None:
    await counting.count(ctx, User, tweet.user_id, "tweetsCount", -1, tweet)
    await speech.untell(ctx, tweet)


async def _tidy(ctx: Context, tweet: Tweet) -> None:
    await counting.forget(ctx, User, tweet.user_id, "tweetsCount", tweet)


CONSEQUENCES = Consequences(_added, _removed, _tidy, edited=True)
