"""Blocking people: neither follows, names, sees or finds the other from then on."""

from collections.abc import Mapping
from typing import Any

from mediaserver.base.errors import Conflict, FieldError, Invalid
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.social.blocks import Block
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.events import CircleChanged
from mediaserver.usecases.notifications import notifications
from mediaserver.usecases.social import follows
from mediaserver.usecases.writes import settling


async def block(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Block:
    """Invalid for oneself and for people who are not there; Conflict when one blocks them already."""
    whom = fields["blocked_user_id"]
    if whom == actor.user_id:
        fault = FieldError("blockedUserId", "must be somebody else")
        raise Invalid("not_oneself", "nobody blocks themselves", [fault])
    made = Block(**ctx.stamp(), user_id=actor.user_id, blocked_user_id=whom)
    try:
        found, fresh = await settling.add_once(ctx, made, {"userId": actor.user_id, "blockedUserId": whom})
    finally:
        ctx.events.publish(_changed(made))
    if not fresh:
        raise Conflict("block_exists", "you block them already", [FieldError("blockedUserId", "is taken")])
    return found


async def unblock(ctx: Context, actor: Actor, document: Block) -> None:
    """What was ended by it does not come back. NotFound when it has just gone."""
    try:
        await settling.remove(ctx, document)
    finally:
        ctx.events.publish(_changed(document))


async def _added(ctx: Context, block: Block) -> None:
    await follows.part(ctx, block.user_id, block.blocked_user_id)
    await notifications.part(ctx, block.user_id, block.blocked_user_id)


def _changed(block: Block) -> CircleChanged:
    return CircleChanged((block.user_id, block.blocked_user_id))


CONSEQUENCES = Consequences(_added)
