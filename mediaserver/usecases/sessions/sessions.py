"""Sessions over their life: scheduled, live, ended; never back. Rooms hear of each step through events."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediaserver.base.errors import Conflict, FieldError, Forbidden, Invalid
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.documents.policy import Filter
from mediaserver.domain.sessions.sessions import KINDS, MODERATOR, Session, SessionKind, SessionType, faults
from mediaserver.usecases.access import course_access, viewer
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import NewsCame, SessionEnded, SessionStarted, SessionUpdated
from mediaserver.usecases.representation import expansion
from mediaserver.usecases.sessions import course_binding, participants
from mediaserver.usecases.writes import settling

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Admission:
    """The right to be in a live session."""

    session: Session
    is_moderator: bool
    can_publish: bool


async def create(ctx: Context, actor: Actor, kind: SessionKind, fields: Mapping[str, Any]) -> Session:
    """A scheduled session, moderated by whoever creates it; one of a course, by the course's instructor.

    Invalid names every bad field; Forbidden unless a course that it is bound to is the actor's to teach.
    """
    given = {**fields, "type": _type(kind, fields.get("type"))}
    bound = await course_binding.of(ctx, actor, fields)
    session = Session(**ctx.stamp(), kind=kind, **({"moderator_user_id": actor.user_id} | given | bound.fields))
    _check(session, bound.faults)
    made = await settling.add(ctx, session)
    # Whoever erases its moderator at the same moment may have overlooked it.
    if not await ctx.users.exists({"_id": made.moderator_user_id}):
        await ctx.sessions.delete_many({"_id": made.id})
        raise Conflict("gone", "whoever moderates this has just been deleted")
    return made


async def update(ctx: Context, actor: Actor, session: Session, fields: Mapping[str, Any]) -> Session:
    """Change title, description or plan; of an ended session too, but never its life.

    What it is bound to changes only while it is scheduled: Conflict `started`.
    """
    require_moderator(actor, session)
    changes, faults = dict(fields), list[FieldError]()
    if "type" in changes:
        changes["type"] = _type(session.kind, changes["type"])
    if any(fields.get(name, getattr(session, name)) != getattr(session, name) for name in course_binding.FIELDS):
        if session.status != "scheduled":
            raise Conflict("started", "what a session is bound to cannot be changed once it has started")
        bound = await course_binding.of(ctx, actor, fields)
        changes, faults = changes | bound.fields, bound.faults
    _check(session.model_copy(update=changes), faults)
    changed = await settling.change(ctx, session, changes)
    ctx.events.publish(SessionUpdated(changed))
    return changed


async def find(ctx: Context, kind: SessionKind, session_id: str) -> Session:
    """The session, or NotFound: also when it is one of another kind."""
    session = await ctx.sessions.find_one({"_id": session_id, "kind": kind})
    if session is None:
        raise viewer.missing(ctx, Session)
    return session


async def start(ctx: Context, actor: Actor, kind: SessionKind, session_id: str) -> Session:
    """Make a scheduled session live; one that is live already stays so. Conflict `ended`."""
    session = await find(ctx, kind, session_id)
    require_moderator(actor, session)
    return await _start(ctx, session)


async def end(ctx: Context, actor: Actor, kind: SessionKind, session_id: str) -> Session:
    """End a session for good; one that has ended stays so. Conflict `not_started` when it never was live."""
    session = await find(ctx, kind, session_id)
    require_moderator(actor, session)
    if session.status == "scheduled":
        raise Conflict("not_started", "this session has not started")
    # None: it had ended before, or somebody was faster.
    return await finish(ctx, session) or await find(ctx, kind, session_id)


async def finish(ctx: Context, session: Session, where: Filter | None = None) -> Session | None:
    """End a live session for good, and tell its room; None when it is not live, or not as `where` says."""
    now = ctx.clock()
    fields = {"status": "ended", "endedAt": now, "endTime": session.end_time or now}
    ended = await ctx.sessions.update_one({"_id": session.id, "status": "live", **(where or {})}, set=fields)
    if ended is not None:
        ctx.events.publish(SessionEnded(ended))
    return ended


async def admit(ctx: Context, actor: Actor, kind: SessionKind, session_id: str) -> Admission:
    """May `actor` be in the session now? A moderator's coming starts a scheduled one.

    NotFound; Conflict `not_started`, `ended`; Forbidden `removed`, `not_enrolled`.
    """
    session = await find(ctx, kind, session_id)
    is_moderator = session.is_moderated_by(actor)
    known = await participants.of(ctx, session, actor)
    if known is not None and known.removed_at and not is_moderator:
        raise Forbidden("removed", "a moderator removed you from this session")
    if session.status == "scheduled" and is_moderator:
        session = await _start(ctx, session)
    await course_access.require(ctx, actor, session)
    require_live(session)
    promoted = known is not None and known.promoted
    return Admission(session, is_moderator, is_moderator or promoted or session.everyone_publishes())


def require_live(session: Session) -> None:
    if session.status == "scheduled":
        raise Conflict("not_started", "this session has not started")
    if session.status == "ended":
        raise ended()


def ended() -> Conflict:
    return Conflict("ended", "this session has ended")


async def require_part(ctx: Context, actor: Actor, session: Session) -> None:
    """Forbidden unless `actor` takes or took part, or moderates: what is said inside stays inside.

    `not_enrolled`, `not_participant`, `removed`.
    """
    if session.is_moderated_by(actor):
        return
    await course_access.require(ctx, actor, session)
    known = await participants.of(ctx, session, actor)
    if known is None:
        raise Forbidden("not_participant", "only those who take part in this session may do that")
    if known.removed_at:
        raise Forbidden("removed", "a moderator removed you from this session")


async def describe(ctx: Context, reader: Actor, found: Sequence[Session]) -> list[Wire]:
    """Sessions as the wire has them: with their moderator, their course and how many are in."""
    wires, counts = await asyncio.gather(expansion.describe(ctx, reader, found), _present(ctx, found))
    for session, wire in zip(found, wires, strict=True):
        for absent in session.rules.absent_fields:
            del wire[absent]
        wire["participantCount"] = counts[session.id]
    return wires


async def _present(ctx: Context, found: Sequence[Session]) -> Counter[str]:
    """How many are in each of these sessions."""
    live = [session.id for session in found if session.status == "live"]
    present = await ctx.participants.find({"sessionId": {"$in": live}, "leftAt": None}) if live else []
    return Counter(participant.session_id for participant in present)


async def _start(ctx: Context, session: Session) -> Session:
    if session.status == "ended":
        raise ended()
    now = ctx.clock()
    fields = {"status": "live", "startedAt": now, "startTime": session.start_time or now}
    if session.course_id:
        fields["announced"] = False
    coming = {"_id": session.id, "status": "scheduled", "gone": {"$ne": True}}
    started = await ctx.sessions.update_one(coming, set=fields)
    if started is None:  # it is live already, or somebody was faster
        return await find(ctx, session.kind, session.id)
    ctx.events.publish(SessionStarted(started))
    if started.course_id:
        ctx.events.publish(NewsCame())
    return started


def require_moderator(actor: Actor, session: Session) -> None:
    if not MODERATOR.allows(actor, session):
        raise Forbidden("forbidden", "only the moderator or an admin may do that")


def _type(kind: SessionKind, wanted: SessionType | None) -> SessionType | None:
    """A live session has a type; without a wish, the first."""
    types = KINDS[kind].types
    return wanted or (types[0] if types else None)


def _check(session: Session, unbound: Sequence[FieldError]) -> None:
    if found := [*faults(session), *unbound]:
        raise Invalid("invalid", "the session cannot be so", found)
