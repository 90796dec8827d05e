"""What people do with their notifications: see them, mark them read, delete them; all their devices follow."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.messaging.direct_messages import DirectMessage
from mediaserver.domain.notifications import (
    IDS,
    MAX_ACTORS_SHOWN,
    MAX_TEXT,
    WORDS,
    Kind,
    Notification,
    group_key,
)
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.tweets import Tweet
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import Pushed
from mediaserver.usecases.representation import users
from mediaserver.usecases.writes import settling

Wire = dict[str, Any]
Said = Tweet | Comment | DirectMessage

_SAYING: Final = frozenset[Kind](("commented", "mentioned", "message"))
_PLACES: Final[Mapping[str, type[Said]]] = {"commentId": Comment, "messageId": DirectMessage, "tweetId": Tweet}
"""Where what was said stands: the first of these ids that an act has."""

MAX_UNREAD = 1000
"""Nobody counts further: telling somebody must not take longer the more they have not read."""


async def describe(ctx: Context, reader: Actor | None, found: Sequence[Notification]) -> list[Wire]:
    """As the wire has them: `content` names the newest actors and what the newest act is about, with what was
    said as it reads now."""
    shown = {one.id: one.actors[:MAX_ACTORS_SHOWN] for one in found}
    people = await users.people(ctx, (id for ids in shown.values() for id in ids))
    texts = await _texts(ctx, found)
    return [
        _wire(one, [people[id] for id in shown[one.id]], text) for one, text in zip(found, texts, strict=True)
    ]


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


async def _texts(ctx: Context, found: Sequence[Notification]) -> list[str]:
    """What was said in words, of what says something: where it stands, and for whom may read it there."""
    places, said = [_place(one) for one in found], dict[str, Said]()
    for kind in _PLACES.values():
        said |= await ctx.of(kind).by_ids(place[1] for place in places if place and place[0] is kind)
    return [
        await _text(ctx, one.user_id, said[place[1]]) if place and place[1] in said else ""
        for one, place in zip(found, places, strict=True)
    ]


def _place(one: Notification) -> tuple[type[Said], str] | None:
    about = one.acts[-1].about if one.type in _SAYING else {}
    return next(((kind, about[name]) for name, kind in _PLACES.items() if name in about), None)


async def _text(ctx: Context, user_id: str, said: Said) -> str:
    reader = Actor(user_id, username="", role="student", login_id="")
    return said.text if await viewer.allows(ctx, reader, said.policy.read, said) else ""


def _wire(one: Notification, actors: Sequence[Wire], text: str) -> Wire:
    wire, about = one.to_wire(), one.acts[-1].about
    del wire["acts"]
    head = {"type": wire.pop("type"), "actors": list(actors), "actorCount": len(one.actors), "count": one.count}
    # Nothing else that was ever stored of an act is for showing.
    what = {name: value for name, value in about.items() if name in IDS | WORDS}
    return wire | {"content": {**head, **what, **({"text": text[:MAX_TEXT]} if text else {})}}
