"""Reporting what somebody should not have said, or how they behave."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mediaserver.base.errors import Conflict, FieldError, Invalid
from mediaserver.domain.actor import Actor
from mediaserver.domain.comments import Comment
from mediaserver.domain.direct_messages import DirectMessage
from mediaserver.domain.document import Document
from mediaserver.domain.reports import Report, TargetKind
from mediaserver.domain.tweets import Tweet
from mediaserver.domain.users import User
from mediaserver.usecases import describing, reading, settling, users
from mediaserver.usecases.context import Context

Wire = dict[str, Any]
_KINDS: Final[Mapping[TargetKind, type[Document]]] = {
    "tweet": Tweet,
    "comment": Comment,
    "user": User,
    "message": DirectMessage,
}


async def report(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Report:
    """Invalid for what is not there, oneself, and messages of others; Conflict for what one reported before.

    Who blocked somebody, or is blocked, may report them all the same.
    """
    kind, target = fields["target_kind"], fields["target_id"]
    if target == actor.user_id:
        fault = FieldError("targetId", "must be somebody else")
        raise Invalid("not_oneself", "nobody reports themselves", [fault])
    if not await _is_there(ctx, actor, kind, target):
        fault = FieldError("targetId", f"there is no such {kind}")
        raise Invalid("missing_reference", "this refers to something that is not there", [fault])
    made = Report(**ctx.stamp(), **fields, user_id=actor.user_id, **Report.derived(fields))
    try:
        return await settling.add(ctx, made)
    except Conflict as conflict:
        if conflict.code != "report_exists":
            raise
        taken = [FieldError("targetId", "is taken")]
        raise Conflict("report_exists", "you reported this before", taken) from None


async def describe(ctx: Context, reader: Actor, found: Sequence[Report]) -> list[Wire]:
    """With what is reported in words, so that whoever judges it need not be able to read it elsewhere."""
    wires = await describing.describe(ctx, reader, found)
    targets = [await ctx.of(_KINDS[one.target_kind]).find_one({"_id": one.target_id}) for one in found]
    people = await users.people(ctx, (_author(target) for target in targets if target))
    for wire, target in zip(wires, targets, strict=True):
        wire["target"] = target and {"author": people[_author(target)], "text": _text(target)}
    return wires


async def _is_there(ctx: Context, actor: Actor, kind: TargetKind, id: str) -> bool:
    if kind == "message":
        return await reading.may_read(ctx, actor, DirectMessage.collection, id)
    return await ctx.of(_KINDS[kind]).exists({"_id": id})


def _author(target: Any) -> str:
    for field in ("user_id", "sender_user_id", "id"):
        if hasattr(target, field):
            return str(getattr(target, field))
    raise AssertionError("every document has an id")


def _text(target: Any) -> str:
    if isinstance(target, User):
        return target.profile.bio
    if isinstance(target, DirectMessage):
        return target.content if target.content_type == "Text" else ""
    return str(target.content.text)
