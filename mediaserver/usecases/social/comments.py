"""Saying something about a tweet."""

from collections.abc import Mapping
from typing import Any

from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.tweets import Content, Tweet
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.notifications import notifications
from mediaserver.usecases.social import posts
from mediaserver.usecases.writes import counters, settling


async def post(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Comment:
    """Invalid for nothing said, uploads that are not one's own, and a tweet that is just being deleted."""
    content: Content = fields["content"]
    posts.require_words(content)
    stamp, of = ctx.stamp(), await ctx.of(Tweet).values({"_id": fields["tweet_id"]}, "userId")
    said = Comment(
        **stamp,
        tweet_id=fields["tweet_id"],
        tweet_user_id=of[0] if of else None,
        user_id=actor.user_id,
        timestamp=stamp["created_at"],
        content=content,
    )
    return await settling.add(ctx, await posts.naming(ctx, said))


async def _added(ctx: Context, comment: Comment) -> None:
    if comment.edited_at is None:
        await counters.count(ctx, Tweet, comment.tweet_id, "commentsCount", 1, comment)
        author = [comment.tweet_user_id] if comment.tweet_user_id else []
        await notifications.notify(ctx, author, "commented", posts.about(comment), comment.user_id)
    await posts.tell_mentioned(ctx, comment)


async def _removed(ctx: Context, comment: Comment) -> None:
    await counters.count(ctx, Tweet, comment.tweet_id, "commentsCount", -1, comment)
    await posts.untell(ctx, comment)


async def _tidy(ctx: Context, comment: Comment) -> None:
    await counters.forget(ctx, Tweet, comment.tweet_id, "commentsCount", comment)


CONSEQUENCES = Consequences(_added, _removed, _tidy, edited=True)
