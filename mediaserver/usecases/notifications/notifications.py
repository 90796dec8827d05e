"""Notifications: written for whom an act concerns, grouped, pushed to their sockets; taken back with the act.

Called from steps that may be repeated: an act that was told before adds nothing, and is not pushed again.
Nobody is told across a block, and what was told before there was one is taken back.
"""

from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mediaserver.base.errors import Unavailable
from mediaserver.base.ids import new_id
from mediaserver.domain.notifications import (
    MAX_ACTS,
    Act,
    Kind,
    Notification,
    act,
    group_key,
    subject,
)
from mediaserver.domain.social.blocks import Block
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import Pushed
from mediaserver.usecases.notifications import inbox

_BATCH = 500
_ATTEMPTS = 20


async def notify(
    ctx: Context,
    to: Iterable[str] | AsyncIterable[str],
    kind: Kind,
    about: Mapping[str, str],
    by: str | None = None,
    under: str | None = None,
) -> None:
    """Tell people (ids) what `by` did, or what happened by itself, and push it to them.

    `about` has wire names: ids such as `tweetId`, and perhaps a `title`. Kind, `by` and the ids identify the act:
    telling it again adds nothing. Nobody is told of their own acts, nor across a block with `by` or with whose
    tweet it happened `under`.
    """
    done = act(kind, about, by, under)
    told = {by, *await ctx.of(Notification).values({"acts.key": done.key}, "userId")}
    async for batch in _batches(to):
        recipients = await _on_speaking_terms(ctx, done, [one for one in batch if one not in told])
        told.update(batch)
        if recipients:
            changed = await _write(ctx, recipients, kind, done, group_key(kind, about, by), subject(kind, about))
            await _push(ctx, await _still_right(ctx, changed, done))


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
        await _take_back(ctx, [one for one in holding if one.user_id in batch], key)


async def withdraw_from_others(
    ctx: Context, keeping: Collection[str], kind: Kind, about: Mapping[str, str], by: str
) -> None:
    """Take it back from everybody who was told but those (ids) in `keeping`; for acts with ids that are theirs
    alone. May be repeated."""
    key = act(kind, about, by).key
    others = await ctx.of(Notification).find({"acts.key": key, "userId": {"$nin": list(keeping)}})
    await _take_back(ctx, others, key)


async def part(ctx: Context, one: str, other: str) -> None:
    """Two people are told no longer of what the other one did, and of what happened under what they said. May be
    repeated."""
    for user_id, apart in ((one, other), (other, one)):
        about_them = {"userId": user_id, "$or": [{"acts.by": apart}, {"acts.under": apart}]}
        found = await ctx.of(Notification).find(about_them)
        for told in found:
            keys = [act.key for act in told.acts if apart in act.people]
            # One that has nothing else goes at once, unless something came to it meanwhile.
            same = {"_id": told.id, "revision": told.revision}
            if len(keys) < told.count or not await ctx.of(Notification).delete_many(same):
                for key in keys:
                    await _take_out(ctx, told.id, key)
        await inbox.push_unread(ctx, [user_id] if found else [])


async def _take_back(ctx: Context, holding: Sequence[Notification], key: str) -> None:
    """Take an act out of the notifications that hold it, and tell whose they are how many are left."""
    for one in holding:
        await _take_out(ctx, one.id, key)
    await inbox.push_unread(ctx, [one.user_id for one in holding])


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


async def _on_speaking_terms(ctx: Context, done: Act, people: Sequence[str]) -> list[str]:
    """Those of these people who are there and have no block between them and those whose act it is."""
    if not people:
        return []
    left = set(await ctx.users.values({"_id": {"$in": list(people)}}, "_id"))
    if done.people and left:
        everyone, theirs = {"$in": list(left)}, {"$in": list(done.people)}
        left -= set(await ctx.of(Block).values({"userId": everyone, "blockedUserId": theirs}, "userId"))
        left -= set(await ctx.of(Block).values({"userId": theirs, "blockedUserId": everyone}, "blockedUserId"))
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


async def _still_right(ctx: Context, written: Sequence[Notification], done: Act) -> list[Notification]:
    """Asked again once they are written: who erased a person or blocked somebody just then may have overlooked
    theirs."""
    right = set(await _on_speaking_terms(ctx, done, [one.user_id for one in written]))
    for one in written:
        if one.user_id not in right:
            await _take_out(ctx, one.id, done.key)
    return [one for one in written if one.user_id in right]


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
