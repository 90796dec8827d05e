"""Reporting what somebody should not have said, or how they behave.

A report lets nobody but admins read what they could not read without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from mediaserver.base.errors import Conflict, FieldError, Invalid
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.documents.document import Document
from mediaserver.domain.messaging.direct_messages import DirectMessage
from mediaserver.domain.social.blocks import Block
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.reports import Report, TargetKind
from mediaserver.domain.social.tweets import Tweet
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Context
from mediaserver.usecases.representation import expansion, users
from mediaserver.usecases.writes import settling

Wire = dict[str, Any]
_KINDS: Final[Mapping[TargetKind, type[Document]]] = {
    "tweet": Tweet,
    "comment": Comment,
    "user": User,
    "message": DirectMessage,
}


async def report(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Report:
    """Invalid for oneself and for what is not there, which is also what one may not see; Conflict for what one
    reported before.

    Blocking somebody is no escape from a report: they may be reported themselves by those whom they blocked, and
    all that they say by those who blocked them.
    """
    kind, target = fields["target_kind"], fields["target_id"]
    if target == actor.user_id:
        fault = FieldError("targetId", "must be somebody else")
        raise Invalid("not_oneself", "nobody reports themselves", [fault])
    if not await _may_be_reported(ctx, actor, kind, target):
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
    """With what is reported in words as it reads now: for whoever may read it, and for admins, who judge it
    though they may not be able to read it elsewhere."""
    wires, targets = await expansion.describe(ctx, reader, found), await _targets(ctx, reader, found)
    unseen = await viewer.unseen(ctx, reader)
    people = await users.people(ctx, (_author(target) for target in targets.values()), unseen)
    for wire, one in zip(wires, found, strict=True):
        target = targets.get(one.target_id)
        wire["target"] = target and {"author": people[_author(target)], "text": _text(target)}
    return wires


async def _targets(ctx: Context, reader: Actor, found: Sequence[Report]) -> dict[str, Document]:
    """What `reader` is shown of what is reported, by id."""
    targets = dict[str, Document]()
    for name, kind in _KINDS.items():
        targets |= await ctx.of(kind).by_ids(one.target_id for one in found if one.target_kind == name)
    if reader.is_admin:
        return targets
    return {id: one for id, one in targets.items() if await viewer.allows(ctx, reader, one.policy.read, one)}


async def _may_be_reported(ctx: Context, actor: Actor, kind: TargetKind, id: str) -> bool:
    """A person who is there; of the rest what `actor` could read if they had blocked nobody themselves."""
    found = await ctx.of(_KINDS[kind]).find_one({"_id": id})
    if found is None or isinstance(found, User):
        return found is not None
    rule, blockers = found.policy.read, await ctx.of(Block).values({"blockedUserId": actor.user_id}, "userId")
    reader = await viewer.viewer(ctx, actor, rule.needs, found)
    return rule.allows(replace(reader, hidden=frozenset(blockers)), found)


def _author(target: Any) -> str:
    for field in ("user_id", "sender_user_id", "id"):
        if hasattr(target, field):
            return str(getattr(target, field))
    raise AssertionError("every document has an id")


def _text(target: Any) -> str:
    if isinstance(target, User):
        return target.profile.bio
    return str(target.text)
