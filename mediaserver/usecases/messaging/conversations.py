"""Conversations: for each of two people, what the other one and they said last, and what is not read yet.

Each side is brought up to date by every message; the newest message wins, whatever comes first.
"""

from collections.abc import Sequence
from typing import Any

from mediaserver.base.errors import NotFound
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.messaging.direct_messages import Conversation, DirectMessage, pair_of
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.messaging import direct_messages
from mediaserver.usecases.representation import users
from mediaserver.usecases.uploads import attachments

Wire = dict[str, Any]


async def describe(ctx: Context, reader: Actor, found: Sequence[Conversation]) -> list[Wire]:
    """Conversations of `reader` as the wire has them, with the last message and the number of unread ones.

    Those with people whom they do not see any more stay: what two wrote to each other is both's.
    """
    peers = [one.peer_user_id for one in found]
    people = await users.people(ctx, peers, await viewer.unseen(ctx, reader))
    unread = await _unread(ctx, reader.user_id, peers)
    messages = list((await ctx.of(DirectMessage).by_ids(one.last_message_id for one in found)).values())
    shown = {wire["id"]: wire for wire in await direct_messages.describe(ctx, reader, messages)}
    return [
        {
            "id": one.id,
            "user": people[one.peer_user_id],
            "lastMessage": shown.get(one.last_message_id),
            "lastAt": one.to_wire()["lastAt"],
            "unreadCount": unread.get(one.peer_user_id, 0),
        }
        for one in found
    ]


async def unread_count(ctx: Context, user_id: str) -> int:
    """Of all conversations of a person."""
    return await ctx.of(DirectMessage).count({"receiverUserId": user_id, "isRead": False})


async def read(ctx: Context, actor: Actor, peer_id: str) -> None:
    """Mark all that `peer_id` wrote to `actor` as read. NotFound when they have no conversation."""
    if not await ctx.of(Conversation).exists({"userId": actor.user_id, "peerUserId": peer_id}):
        raise NotFound("not_found", "there is no conversation with this person")
    await direct_messages.read_all(ctx, actor.user_id, peer_id)


async def go_on(ctx: Context, message: DirectMessage) -> None:
    """Bring both sides up to date with a message that was stored. May be repeated."""
    for user_id, peer_id in (message.people, message.people[::-1]):
        await _advance(ctx, user_id, peer_id, message)


async def has_reader(ctx: Context, message: DirectMessage) -> bool:
    """Whether one of the two is still there. Who was erased just now has no conversation: that was overlooked."""
    there = await ctx.users.values({"_id": {"$in": message.people}}, "_id")
    for user_id, peer_id in (message.people, message.people[::-1]):
        if user_id not in there:
            await ctx.of(Conversation).delete_many({"userId": user_id, "peerUserId": peer_id})
            await _forget_if_over(ctx, user_id, peer_id)
    return bool(there)


async def go_back(ctx: Context, message: DirectMessage) -> None:
    """Bring both sides up to date with a message that goes. May be repeated."""
    for user_id, peer_id in (message.people, message.people[::-1]):
        await _retreat(ctx, user_id, peer_id, message.id)


async def _advance(ctx: Context, user_id: str, peer_id: str, message: DirectMessage) -> None:
    side, stored = {"userId": user_id, "peerUserId": peer_id}, ctx.of(Conversation)
    last = {"lastMessageId": message.id, "lastAt": message.timestamp}
    if await stored.update_one({**side, "lastMessageId": {"$lt": message.id}}, set=last):
        return
    now = ctx.clock()
    _, fresh = await stored.add_if_absent(
        side,
        Conversation(
            id=new_id(),
            created_at=now,
            updated_at=now,
            user_id=user_id,
            peer_user_id=peer_id,
            last_message_id=message.id,
            last_at=message.timestamp,
        ),
    )
    if not fresh:  # another message began it meanwhile, or a newer one was there before
        await stored.update_one({**side, "lastMessageId": {"$lt": message.id}}, set=last)


async def _retreat(ctx: Context, user_id: str, peer_id: str, gone: str) -> None:
    """The last message of a side is gone: the one before it is the last now."""
    side, messages = {"userId": user_id, "peerUserId": peer_id}, ctx.of(DirectMessage)
    # So that of two transactions that do not see each other's one is done again.
    await ctx.of(Conversation).update_one(side, edits=True)
    while True:
        before = await messages.find_one({"pair": pair_of(user_id, peer_id)}, sort=[("_id", -1)])
        if before is None:
            await ctx.of(Conversation).delete_many({**side, "lastMessageId": gone})
            return
        last = {"lastMessageId": before.id, "lastAt": before.timestamp}
        await ctx.of(Conversation).update_one({**side, "lastMessageId": gone}, set=last)
        if await messages.exists({"_id": before.id}):
            return
        gone = before.id


async def _unread(ctx: Context, user_id: str, peers: Sequence[str]) -> dict[str, int]:
    """By sender; in whose conversation nothing is unread is not in it."""
    unread = {"receiverUserId": user_id, "senderUserId": {"$in": list(peers)}, "isRead": False, "gone": False}
    counted = await ctx.of(DirectMessage).aggregate(
        [{"$match": unread}, {"$group": {"_id": "$senderUserId", "unread": {"$sum": 1}}}]
    )
    return {one["_id"]: one["unread"] for one in counted}


async def _removed(ctx: Context, side: Conversation) -> None:
    await _forget_if_over(ctx, side.user_id, side.peer_user_id)


async def _forget_if_over(ctx: Context, one: str, other: str) -> None:
    """With the second of two who are erased go their messages: nobody can see them any more.

    Not sooner, though nobody has a conversation: one of them may just be writing the first message.
    """
    if not await ctx.users.exists({"_id": {"$in": [one, other]}}):
        async for message in ctx.of(DirectMessage).each({"pair": pair_of(one, other)}):
            await attachments.release(ctx, message)
            await ctx.of(DirectMessage).delete_many({"_id": message.id})


CONSEQUENCES = Consequences(removed=_removed)
