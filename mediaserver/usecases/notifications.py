"""Notifications: written for whom an act concerns, grouped, pushed to their sockets; taken back with the act.

Called from steps that may be repeated: an act that was told before adds nothing, and is not pushed again.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mediaserver.base.errors import Unavailable
from mediaserver.base.ids import new_id
from mediaserver.domain.blocks import Block
from mediaserver.domain.notifications import (
    MAX_ACTS,
    Act,
    Kind,
    Notification,
    act,
    group_key,
    subject,
)
from mediaserver.usecases import inbox
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import Pushed

_BATCH = 500
_ATTEMPTS = 20


async def notify(
    ctx: Context,
    to: Iterable[str] | AsyncIterable[str],
    kind: Kind,
    about: Mapping[str, str],
    by: str | None = None,
) -> None:
    """Tell people (ids) what `by` did, or what happened by itself, and push it to them.

    `about` has wire names: ids such as `tweetId`, and perhaps `title` or `text` in words. Kind, `by` and the ids
    identify the act: telling it again adds nothing. Nobody is told of their own acts, nor across a block.
    """
    done = act(kind, about, by)
    told = {by, *await ctx.of(Notification).values({"acts.key": done.key}, "userId")}
    async for batch in _batches(to):
        recipients = await _on_speaking_terms(ctx, by, [one for one in batch if one not in told])
        told.update(batch)
        if recipients:
            changed = await _write(ctx, recipients, kind, done, group_key(kind, about, by), subject(kind, about))
            await _push(ctx, await _of_those_present(ctx, changed))


async def withdraw(
    ctx: Context,
    to: Iterable[str] | AsyncIterable[str],
    kind: Kind,
    about: Mapping[str, str],
    by: str | None = None,
) -> None:
    """Take back what `notify` told with the same arguments (words aside); may be repeated."""
    key = act(kind, about, by).key
    holding = await ctx.of(Notification).find({"acts.key": key})
    async for batch in _batches(to):
        losing = [one for one in holding if one.user_id in batch]
        for one in losing:
            await _take_out(ctx, one.id, key)
        await inbox.push_unread(ctx, [one.user_id for one in losing])


async def _take_out(ctx: Context, id: str, key: str) -> None:
    """Take an act out of a notification, which goes with the last one."""
    stored, holding = ctx.of(Notification), {"_id": id, "acts.key": key}
    while await stored.exists(holding):
        pull: dict[str, Any] = {"$pull": {"acts": {"key": key}}}
        if await stored.update_one({**holding, "count": {"$gt": 1}}, operators=pull, inc={"count": -1}):
            continue
        # The last one. Closed first: then nothing can come to it any more.
        if await stored.update_one({**holding, "count": 1}, set={"open": False}):
            await stored.delete_many({"_id": id})


async def forget(ctx: Context, subject_id: str) -> None:
    """What all notifications about this document told is gone with it."""
    unread = await ctx.of(Notification).values({"subject": subject_id, "isRead": False}, "userId")
    await ctx.of(Notification).delete_many({"subject": subject_id})
    await inbox.push_unread(ctx, unread)


async def _batches(to: Iterable[str] | AsyncIterable[str]) -> AsyncIterator[list[str]]:
    """Distinct within a batch."""
    batch: dict[str, None] = {}
    async for one in to if isinstance(to, AsyncIterable) else _each(to):
        batch[one] = None
        if len(batch) == _BATCH:
            yield list(batch)
            batch.clear()
    if batch:
        yield list(batch)


async def _each(people: Iterable[str]) -> AsyncIterator[str]:
    for one in people:
        yield one


async def _on_speaking_terms(ctx: Context, by: str | None, people: Sequence[str]) -> list[str]:
    """Those of these people who are there and have no block between them and `by`."""
    if not people:
        return []
    left = set(await ctx.users.values({"_id": {"$in": list(people)}}, "_id"))
    if by and left:
        everyone = {"$in": list(left)}
        left -= set(await ctx.of(Block).values({"userId": everyone, "blockedUserId": by}, "userId"))
        left -= set(await ctx.of(Block).values({"userId": by, "blockedUserId": everyone}, "blockedUserId"))
    return [one for one in people if one in left]


async def _write(
    ctx: Context, recipients: Sequence[str], kind: Kind, done: Act, group: str, about: str | None
) -> list[Notification]:
    """Each recipient's notification with the act in it: the open one of its group, or a new one."""
    stored, changed, left = ctx.of(Notification), list[Notification](), set(recipients)
    for _ in range(_ATTEMPTS):
        where = {"userId": {"$in": list(left)}, "groupKey": group, "open": True}
        begun = set(await stored.values(where, "userId"))
        written = await stored.add_many(
            [_fresh(ctx, user_id, kind, done, group, about) for user_id in left - begun]
        )
        written += [grown for user_id in begun if (grown := await _grow(ctx, user_id, group, done))]
        # Left are those for whom another act began one just now, or who have just read theirs.
        left -= {one.user_id for one in written}
        changed += written
        if not left:
            return changed
    raise Unavailable("contended", "too many acts for one notification at once")


async def _of_those_present(ctx: Context, written: Sequence[Notification]) -> list[Notification]:
    """Asked again once they are written: whoever erased a person just then may have overlooked theirs."""
    people = {one.user_id for one in written}
    gone = people - set(await ctx.users.values({"_id": {"$in": list(people)}}, "_id"))
    if gone:
        await ctx.of(Notification).delete_many({"userId": {"$in": list(gone)}})
    return [one for one in written if one.user_id not in gone]


async def _grow(ctx: Context, user_id: str, group: str, done: Act) -> Notification | None:
    """The open notification with the act, which it may have had; None when it is not open any more."""
    stored, now = ctx.of(Notification), ctx.clock()
    its = {"userId": user_id, "groupKey": group, "open": True}
    grown = await stored.update_one(
        {**its, "acts.key": {"$ne": done.key}, "count": {"$lt": MAX_ACTS}},
        set={"timestamp": now, "expiresAt": _expiry(ctx)},
        operators={"$push": {"acts": done}},
        inc={"count": 1},
    )
    if grown is None:
        await stored.update_one({**its, "count": {"$gte": MAX_ACTS}}, set={"open": False})
        return await stored.find_one({**its, "acts.key": done.key})
    return grown


def _fresh(ctx: Context, user_id: str, kind: Kind, done: Act, group: str, about: str | None) -> Notification:
    now = ctx.clock()
    return Notification(
        id=new_id(),  # not of `ctx.stamp()`: that may be reserved for what the request creates
        created_at=now,
        updated_at=now,
        user_id=user_id,
        type=kind,
        timestamp=now,
        group_key=group,
        acts=[done],
        subject=about,
        expires_at=_expiry(ctx),
    )


def _expiry(ctx: Context) -> datetime:
    return ctx.clock() + timedelta(days=ctx.settings.notifications.keep_days)


async def _push(ctx: Context, changed: Sequence[Notification]) -> None:
    for one, wire in zip(changed, await inbox.describe(ctx, None, changed), strict=True):
        data = wire | {"unreadCount": await inbox.unread_count(ctx, one.user_id)}
        ctx.events.publish(Pushed((one.user_id,), "notification", data))
