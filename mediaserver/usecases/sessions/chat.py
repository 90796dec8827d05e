"""Chat of a session: stored before it is sent, numbered without gaps, once per `clientId` however often sent."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediaserver.base.errors import Conflict, FieldError, Invalid, NotFound, Unavailable
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.chat_messages import ChatMessage, ContentType, fits
from mediaserver.domain.sessions.sessions import Session, SessionKind
from mediaserver.domain.uploads.uploads import Upload, Use
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Context
from mediaserver.usecases.documents import references
from mediaserver.usecases.events import MessageStored
from mediaserver.usecases.representation import users
from mediaserver.usecases.sessions import sessions
from mediaserver.usecases.uploads import uploads

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class History:
    messages: list[ChatMessage]
    """By sequence, ascending."""
    last_sequence: int
    """Of the session; 0 when there is none."""
    truncated: bool
    """There are older ones (with `after`: newer ones) than these."""


async def send(
    ctx: Context,
    actor: Actor,
    kind: SessionKind,
    session_id: str,
    client_id: str,
    content_type: ContentType,
    content: str,
) -> tuple[ChatMessage, bool]:
    """`(message, created)`; the stored message and False when this sender's `client_id` came before.

    Publishes `MessageStored` once. NotFound, Forbidden `not_participant` or `removed`, Conflict `not_started` or
    `ended`, Invalid when the content does not fit its type.
    """
    session = await sessions.find(ctx, kind, session_id)
    await sessions.require_part(ctx, actor, session)
    if known := await _known(ctx, session, actor, client_id):
        return known, False
    sessions.require_live(session)
    upload = await _content(ctx, actor, session, content_type, content)
    stamp = ctx.stamp()

    def message(sequence: int) -> ChatMessage:
        return ChatMessage(
            **stamp,
            session_kind=kind,
            session_id=session.id,
            sender_user_id=actor.user_id,
            content_type=content_type,
            content=content,
            timestamp=stamp["created_at"],
            sequence=sequence,
            client_id=client_id,
        )

    try:
        stored = await ctx.messages.add_numbered(message, _of(session))
    except Exception as error:
        if upload:
            await _let_go(ctx, session, upload)
        # The same `clientId` may have come twice at once and the other was stored.
        if isinstance(error, Conflict) and (known := await _known(ctx, session, actor, client_id)):
            return known, False
        raise
    if await references.lost(ctx, stored):  # whoever deleted the session just now may have overlooked it
        await ctx.messages.delete_many({"_id": stored.id})
        if upload:
            await _let_go(ctx, session, upload)
        raise viewer.missing(ctx, Session)
    ctx.events.publish(MessageStored(stored, actor.username, upload))
    return stored, True


async def history(
    ctx: Context,
    kind: SessionKind,
    session_id: str,
    *,
    after: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> History:
    """The latest messages, or those next after `after`, or the latest before `before`. Judges no rights."""
    of = {"sessionKind": kind, "sessionId": session_id}
    last = await ctx.messages.find_one(of, sort=[("sequence", -1)])
    where = dict[str, Any](of)
    if after is not None or before is not None:
        bounds = {"$gt": after, "$lt": before}
        where["sequence"] = {operator: value for operator, value in bounds.items() if value is not None}
    forward = after is not None
    found = await ctx.messages.find(where, sort=[("sequence", 1 if forward else -1)], limit=limit + 1)
    messages = found[:limit] if forward else found[:limit][::-1]
    return History(messages, last.sequence if last else 0, truncated=len(found) > limit)


async def find(ctx: Context, kind: SessionKind, session_id: str, message_id: str) -> ChatMessage:
    message = await ctx.messages.find_one({"_id": message_id, "sessionKind": kind, "sessionId": session_id})
    if message is None:
        raise NotFound("not_found", "there is no such message in this session")
    return message


async def describe(ctx: Context, reader: Actor, messages: Sequence[ChatMessage]) -> list[Wire]:
    """Messages as rooms have them; the URLs of uploads are signed for `reader`."""
    return await _describe(
        ctx, reader, messages, await users.names(ctx, (message.sender_user_id for message in messages))
    )


async def describe_with_senders(ctx: Context, reader: Actor, messages: Sequence[ChatMessage]) -> list[Wire]:
    """Messages as REST gives them: with `sender` beside `senderName`."""
    unseen = await viewer.unseen(ctx, reader)
    people = await users.people(ctx, (message.sender_user_id for message in messages), unseen)
    names = {id: person["username"] for id, person in people.items()}
    wires = await _describe(ctx, reader, messages, names)
    return [wire | {"sender": people[wire["senderUserId"]]} for wire in wires]


async def _describe(
    ctx: Context, reader: Actor, messages: Sequence[ChatMessage], names: Mapping[str, str]
) -> list[Wire]:
    wanted = [message.content for message in messages if message.content_type != "Text"]
    found = await ctx.uploads.find({"_id": {"$in": wanted}}) if wanted else []
    by_id = {upload.id: upload for upload in found}
    return [
        _wire(ctx, reader, message, names[message.sender_user_id], by_id.get(message.content))
        for message in messages
    ]


def to_wire(ctx: Context, reader: Actor, stored: MessageStored) -> Wire:
    """A new message as `reader` gets it. Without an upload it is the same for everyone: make it once."""
    return _wire(ctx, reader, stored.message, stored.sender_name, stored.upload)


def _wire(ctx: Context, reader: Actor, message: ChatMessage, sender: str, upload: Upload | None) -> Wire:
    wire = message.to_wire() | {"senderName": sender}
    if message.content_type != "Text":
        # An upload that was deleted since leaves the message without content.
        wire["content"] = uploads.describe(ctx, reader, upload) if upload else None
    return wire


async def _known(ctx: Context, session: Session, actor: Actor, client_id: str) -> ChatMessage | None:
    return await ctx.messages.find_one(
        {"sessionId": session.id, "senderUserId": actor.user_id, "clientId": client_id}
    )


async def _content(
    ctx: Context, actor: Actor, session: Session, content_type: ContentType, content: str
) -> Upload | None:
    """The upload that `content` names; None for text. Invalid when it does not fit."""
    if content_type == "Text":
        longest = ctx.settings.rooms.chat_max_chars
        if len(content) > longest:
            raise _invalid(f"must have at most {longest} characters")
        return None
    upload = await ctx.uploads.find_one({"_id": content, "ownerUserId": actor.user_id})
    if upload is None or upload.status != "ready":
        raise _invalid("must be the id of an upload of yours")
    if not fits(content_type, upload.content_type):
        raise _invalid(f"is of type {upload.content_type}, which is no {content_type}")
    # Before the message is stored: an upload that expires meanwhile is never referred to.
    return await uploads.mark_used(ctx, upload.id, Use(kind="session", id=session.id))


async def _let_go(ctx: Context, session: Session, upload: Upload) -> None:
    """Release what no message came to show. When the store cannot tell it stays: better kept than missing."""
    with contextlib.suppress(Unavailable):
        if not await ctx.messages.exists(_of(session) | {"content": upload.id}):
            await uploads.release(ctx, upload.id, Use(kind="session", id=session.id))


def _invalid(message: str) -> Invalid:
    return Invalid("invalid", "the message cannot be sent", [FieldError("content", message)])


def _of(session: Session) -> Wire:
    return {"sessionKind": session.kind, "sessionId": session.id}
