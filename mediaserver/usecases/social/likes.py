"""Likes of tweets and comments: a person likes a thing or does not, however often they say so."""

import contextlib
from collections.abc import Sequence
from typing import Any, Final

from mediaserver.base.errors import NotFound
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.likes import CommentLike, TweetLike
from mediaserver.domain.social.tweets import Tweet
from mediaserver.store.reader import Page
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.notifications import notifications
from mediaserver.usecases.representation import users
from mediaserver.usecases.social import posts
from mediaserver.usecases.writes import counters, settling

Wire = dict[str, Any]
Liked = Tweet | Comment
Like = TweetLike | CommentLike
_COUNTER: Final = "likesCount"


async def like(ctx: Context, actor: Actor, liked: Liked) -> None:
    """May be repeated. Conflict `gone` when it is just being deleted."""
    await settling.add_once(ctx, _like(ctx, actor, liked), _its(actor, liked))


async def unlike(ctx: Context, actor: Actor, liked: Liked) -> None:
    """May be repeated."""
    kind = TweetLike if isinstance(liked, Tweet) else CommentLike
    found = await ctx.of(kind).find_one(_its(actor, liked))
    if found is not None:
        with contextlib.suppress(NotFound):  # taken back twice at once
            await settling.remove(ctx, found)


async def page(ctx: Context, actor: Actor, liked: Liked, limit: int, cursor: str | None) -> Page[Any]:
    """Those who like it, the latest first, without those whom `actor` does not see."""
    kind = TweetLike if isinstance(liked, Tweet) else CommentLike
    hidden = await viewer.unseen(ctx, actor)
    where = _of(liked) | ({"userId": {"$nin": sorted(hidden)}} if hidden else {})
    return await ctx.of(kind).page(where, [("_id", -1)], limit, cursor)


async def describe(ctx: Context, found: Sequence[Like]) -> list[Wire]:
    people = await users.people(ctx, [like.user_id for like in found])
    return [{"user": people[like.user_id], "likedAt": like.to_wire()["createdAt"]} for like in found]


def _like(ctx: Context, actor: Actor, liked: Liked) -> Any:
    if isinstance(liked, Tweet):
        return TweetLike(**ctx.stamp(), user_id=actor.user_id, tweet_id=liked.id)
    return CommentLike(**ctx.stamp(), user_id=actor.user_id, comment_id=liked.id)


def _of(liked: Liked) -> dict[str, Any]:
    return {"tweetId" if isinstance(liked, Tweet) else "commentId": liked.id}


def _its(actor: Actor, liked: Liked) -> dict[str, Any]:
    return {"userId": actor.user_id, **_of(liked)}


def _target(like: Like) -> tuple[type[Liked], str]:
    return (Tweet, like.tweet_id) if isinstance(like, TweetLike) else (Comment, like.comment_id)


async def _added(ctx: Context, like: Like) -> None:
    await counters.count(ctx, *_target(like), _COUNTER, 1, like)
    if liked := await _liked(ctx, like):
        about, under = posts.about(liked), posts.under(liked)
        await notifications.notify(ctx, [liked.user_id], "liked", about, like.user_id, under)


async def _removed(ctx: Context, like: Like) -> None:
    await counters.count(ctx, *_target(like), _COUNTER, -1, like)
    if liked := await _liked(ctx, like):
        await notifications.withdraw(ctx, [liked.user_id], "liked", posts.about(liked), like.user_id)


async def _tidy(ctx: Context, like: Like) -> None:
    await counters.forget(ctx, *_target(like), _COUNTER, like)


async def _liked(ctx: Context, like: Like) -> Liked | None:
    kind, id = _target(like)
    return await ctx.of(kind).find_one({"_id": id})


CONSEQUENCES = Consequences(_added, _removed, _tidy)
