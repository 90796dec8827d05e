"""Following people."""

import contextlib
from collections.abc import Mapping
from typing import Any

from mediaserver.base.errors import Conflict, FieldError, Invalid, NotFound
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.social.blocks import Block
from mediaserver.domain.social.follows import Follow
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.events import CircleChanged
from mediaserver.usecases.notifications import notifications
from mediaserver.usecases.writes import counters, settling


async def follow(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Follow:
    """Invalid for oneself and for people who are not there, as those across a block are not; Conflict when one
    follows them already."""
    whom = fields["following_user_id"]
    if whom == actor.user_id:
        fault = FieldError("followingUserId", "must be somebody else")
        raise Invalid("not_oneself", "nobody follows themselves", [fault])
    if whom in await ctx.relationships.blocked_either_way(actor.user_id):
        fault = FieldError("followingUserId", "there is no such user")
        raise Invalid("missing_reference", "this refers to something that is not there", [fault])
    stamp = ctx.stamp()
    made = Follow(
        **stamp, follower_user_id=actor.user_id, following_user_id=whom, follow_date=stamp["created_at"]
    )
    same = {"followerUserId": actor.user_id, "followingUserId": whom}
    try:
        found, fresh = await settling.add_once(ctx, made, same)
    finally:
        ctx.events.publish(CircleChanged((actor.user_id,)))
    if not fresh:
        raise Conflict("follow_exists", "you follow them already", [FieldError("followingUserId", "is taken")])
    return found


async def unfollow(ctx: Context, actor: Actor, document: Follow) -> None:
    """NotFound when it has just gone."""
    try:
        await settling.remove(ctx, document)
    finally:
        ctx.events.publish(CircleChanged((document.follower_user_id,)))


async def part(ctx: Context, one: str, other: str) -> None:
    """Neither follows the other any more. May be repeated."""
    for follower, followed in ((one, other), (other, one)):
        for found in await ctx.of(Follow).find({"followerUserId": follower, "followingUserId": followed}):
            with contextlib.suppress(NotFound):
                await settling.remove(ctx, found)


async def _added(ctx: Context, follow: Follow) -> None:
    for user_id, field in _counted(follow):
        await counters.count(ctx, User, user_id, field, 1, follow)
    about = {"userId": follow.follower_user_id}
    await notifications.notify(ctx, [follow.following_user_id], "followed", about, follow.follower_user_id)


async def _removed(ctx: Context, follow: Follow) -> None:
    for user_id, field in _counted(follow):
        await counters.count(ctx, User, user_id, field, -1, follow)
    about = {"userId": follow.follower_user_id}
    await notifications.withdraw(ctx, [follow.following_user_id], "followed", about, follow.follower_user_id)


async def _tidy(ctx: Context, follow: Follow) -> None:
    for user_id, field in _counted(follow):
        await counters.forget(ctx, User, user_id, field, follow)


async def _stands(ctx: Context, follow: Follow) -> bool:
    """A block that came at the same moment may have overlooked it."""
    pair = (follow.follower_user_id, follow.following_user_id)
    return not await ctx.of(Block).exists({"userId": {"$in": pair}, "blockedUserId": {"$in": pair}})


def _counted(follow: Follow) -> tuple[tuple[str, str], ...]:
    return (follow.following_user_id, "followersCount"), (follow.follower_user_id, "followingCount")


CONSEQUENCES = Consequences(_added, _removed, _tidy, stands=_stands)
