"""What people do with their notifications: see them, mark them read, delete them; all their devices follow."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mediaserver.domain.actor import Actor
from mediaserver.domain.notifications import MAX_ACTORS_SHOWN, Kind, Notification, group_key
from mediaserver.usecases import settling, users
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import Pushed

Wire = dict[str, Any]

MAX_UNREAD = 1000
"""Nobody counts further: telling somebody must not take longer the more they have not read."""


async def describe(ctx: Context, reader: Actor | None, found: Sequence[Notification]) -> list[Wire]:
    """As the wire has them: `content` names the newest actors and what the newest act is about."""
    shown = {one.id: one.actors[:MAX_ACTORS_SHOWN] for one in found}
    people = await users.people(ctx, (id for ids in shown.values() for id in ids))
    return [_wire(one, [people[id] for id in shown[one.id]]) for one in found]


async def mark(ctx: Context, actor: Actor, before: Notification, fields: Mapping[str, Any]) -> Notification:
    """Read, or unread again. What was read takes no further acts: the next one begins a new notification."""
    closed = {"open": False} if fields["is_read"] else {}
    after = await ctx.of(Notification).update(before.id, set={"isRead": fields["is_read"], **closed})
    await push_unread(ctx, [actor.user_id])
    return after


async def read_all(ctx: Context, user_id: str) -> None:
    await _mark_read(ctx, user_id, {})


async def read_group(ctx: Context, user_id: str, kind: Kind, about: Mapping[str, str], by: str | None) -> None:
    """Mark read what tells of such acts: the person has seen by themselves what they are told."""
    await _mark_read(ctx, user_id, {"groupKey": group_key(kind, about, by)})


async def delete(ctx: Context, actor: Actor, notification: Notification) -> None:
    await settling.remove(ctx, notification)
    await push_unread(ctx, [actor.user_id])


async def unread_count(ctx: Context, user_id: str) -> int:
    """`MAX_UNREAD` for that many or more."""
    return await ctx.of(Notification).count({"userId": user_id, "isRead": False}, limit=MAX_UNREAD)


async def push_unread(ctx: Context, people: Collection[str]) -> None:
    """Tell people's devices how many are left; those who have the same number in one message."""
    alike = dict[int, list[str]]()
    for user_id in people:
        alike.setdefault(await unread_count(ctx, user_id), []).append(user_id)
    for number, who in alike.items():
        ctx.events.publish(Pushed(tuple(who), "notification.unread", {"unreadCount": number}))


async def _mark_read(ctx: Context, user_id: str, which: Mapping[str, Any]) -> None:
    unread = {"userId": user_id, "isRead": False, **which}
    if await ctx.of(Notification).update_many(unread, set={"isRead": True, "open": False}):
        await push_unread(ctx, [user_id])


def _wire(one: Notification, actors: Sequence[Wire]) -> Wire:
    wire = one.to_wire()
    del wire["acts"]
    head = {"type": wire.pop("type"), "actors": list(actors), "actorCount": len(one.actors), "count": one.count}
    return wire | {"content": {**head, **one.acts[-1].about}}
