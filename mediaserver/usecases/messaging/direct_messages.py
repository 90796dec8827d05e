"""Messages from one person to another: stored once per `clientId`, then told to all devices of both."""

from collections.abc import Mapping, Sequence
from typing import Any

from mediaserver.base.errors import Conflict, FieldError, Forbidden, Invalid
from mediaserver.base.ids import new_id
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.messaging.direct_messages import DirectMessage, pair_of
from mediaserver.domain.sessions.chat_messages import ContentType, fits
from mediaserver.domain.social.blocks import Block
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import Pushed
from mediaserver.usecases.notifications import inbox
from mediaserver.usecases.representation import expansion
from mediaserver.usecases.writes import settling

Wire = dict[str, Any]


async def create(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> DirectMessage:
    """`send` with the fields of a body."""
    return await send(
        ctx,
        actor,
        fields.get("client_id") or new_id(),
        fields["receiver_user_id"],
        fields.get("content_type", "Text"),
        fields["content"],
    )


async def send(
    ctx: Context, actor: Actor, client_id: str, receiver_id: str, content_type: ContentType, content: str
) -> DirectMessage:
    """The message, or the one that this sender sent to this person under the same `client_id` before.

    Invalid naming each field that is wrong, Forbidden `blocked`, Conflict `inactive`. Who blocked the receiver is
    told so; for whom the receiver blocked nobody is there.
    """
    sent = {"senderUserId": actor.user_id, "receiverUserId": receiver_id, "clientId": client_id}
    if known := await ctx.of(DirectMessage).find_one(sent):
        return known
    blockers = await _blockers(ctx, actor.user_id, receiver_id)
    hidden = blockers == {receiver_id}
    receiver = None if hidden else await ctx.users.find_one({"_id": receiver_id})
    faults = [*_receiver_faults(actor, receiver), *await _content_faults(ctx, actor, content_type, content)]
    if faults or receiver is None:
        raise Invalid("invalid", "the message cannot be sent", faults)
    if blockers:
        raise Forbidden("blocked", "you have blocked this person")
    if not receiver.active:
        raise Conflict("inactive", "this person's account is not active")
    stamp = ctx.stamp()
    message = DirectMessage(
        **stamp,
        sender_user_id=actor.user_id,
        receiver_user_id=receiver_id,
        content_type=content_type,
        content=content,
        timestamp=stamp["created_at"],
        client_id=client_id,
        pair=pair_of(actor.user_id, receiver_id),
        upload_id=None if content_type == "Text" else content,
    )
    try:
        return await settling.add(ctx, message)
    except Conflict:  # the same `clientId` may have come twice at once
        if known := await ctx.of(DirectMessage).find_one(sent):
            return known
        raise


async def describe(ctx: Context, reader: Actor, found: Sequence[DirectMessage]) -> list[Wire]:
    """As the wire has them; the URLs of uploads are signed for `reader`."""
    wires = await expansion.describe(ctx, reader, found)
    for message, wire in zip(found, wires, strict=True):
        shown = wire.pop("uploadId", None)
        if message.upload_id:
            # An upload that was deleted since leaves the message without content.
            wire["content"] = shown
    return wires


async def mark(ctx: Context, actor: Actor, before: DirectMessage, fields: Mapping[str, Any]) -> DirectMessage:
    """Read, for the receiver; what was read stays so (Invalid)."""
    if before.is_read and not fields["is_read"]:
        fault = FieldError("isRead", "stays true: what was read is not unread again")
        raise Invalid("invalid", "a message that was read stays read", [fault])
    if before.is_read or not fields["is_read"]:
        return before
    after = await ctx.of(DirectMessage).update(before.id, set={"isRead": True})
    await _seen(ctx, *before.people, {"messageId": before.id, "throughId": None})
    return after


async def read_all(ctx: Context, receiver_id: str, sender_id: str) -> None:
    """Mark as read what one person wrote to another one up to now."""
    unread = {"receiverUserId": receiver_id, "senderUserId": sender_id, "isRead": False}
    newest = await ctx.of(DirectMessage).find_one(unread, sort=[("_id", -1)])
    if newest:
        await ctx.of(DirectMessage).update_many({**unread, "_id": {"$lte": newest.id}}, set={"isRead": True})
        await _seen(ctx, sender_id, receiver_id, {"messageId": None, "throughId": newest.id})
    else:
        await inbox.read_group(ctx, receiver_id, "message", {}, sender_id)


async def _seen(ctx: Context, sender_id: str, receiver_id: str, which: Wire) -> None:
    """Tell both, and once nothing of this sender is unread let the notification be read as well."""
    data = {"senderUserId": sender_id, "receiverUserId": receiver_id, **which}
    ctx.events.publish(Pushed((sender_id, receiver_id), "message.read", data))
    unread = {"receiverUserId": receiver_id, "senderUserId": sender_id, "isRead": False}
    if not await ctx.of(DirectMessage).exists(unread):
        await inbox.read_group(ctx, receiver_id, "message", {}, sender_id)


def _receiver_faults(actor: Actor, receiver: User | None) -> list[FieldError]:
    if receiver is None:
        return [FieldError("receiverUserId", "there is no such user")]
    return [FieldError("receiverUserId", "must be somebody else")] if receiver.id == actor.user_id else []


async def _blockers(ctx: Context, one: str, other: str) -> set[str]:
    """Those of the two who blocked the other one."""
    pair = {"$in": [one, other]}
    return set(await ctx.of(Block).values({"userId": pair, "blockedUserId": pair}, "userId"))


async def _content_faults(
    ctx: Context, actor: Actor, content_type: ContentType, content: str
) -> list[FieldError]:
    if content_type == "Text":
        longest = ctx.settings.rooms.chat_max_chars
        return (
            [FieldError("content", f"must have at most {longest} characters")] if len(content) > longest else []
        )
    upload = await ctx.uploads.find_one({"_id": content, "ownerUserId": actor.user_id, "status": "ready"})
    if upload is None:
        return [FieldError("content", "must be the id of an upload of yours")]
    if not fits(content_type, upload.content_type):
        return [FieldError("content", f"is of type {upload.content_type}, which is no {content_type}")]
    return []
