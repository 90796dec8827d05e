"""Taking part: one document per session and person, reused on rejoin, so that presence adds up."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mediaserver.base.errors import Conflict, NotFound
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.participants import Participant, ParticipantRole
from mediaserver.domain.sessions.sessions import Session, SessionKind
from mediaserver.usecases.context import Context
from mediaserver.usecases.documents import references
from mediaserver.usecases.representation import expansion


async def of(ctx: Context, session: Session, actor: Actor) -> Participant | None:
    """The participation of `actor` in `session`, past ones included."""
    return await ctx.participants.find_one(
        {"sessionKind": session.kind, "sessionId": session.id, "userId": actor.user_id}
    )


async def find(ctx: Context, kind: SessionKind, session_id: str, participant_id: str) -> Participant:
    found = await ctx.participants.find_one({"_id": participant_id, "sessionKind": kind, "sessionId": session_id})
    if found is None:
        raise NotFound("not_found", "there is no such participant in this session")
    return found


async def enter(
    ctx: Context, actor: Actor, session: Session, role: ParticipantRole, now: datetime
) -> Participant:
    """The participation of `actor`, in the session from `now` on; two at once get the same document.

    NotFound when the session was deleted meanwhile.
    """
    known = await of(ctx, session, actor)
    if known is None:
        first = Participant(
            **ctx.stamp(),
            session_kind=session.kind,
            session_id=session.id,
            user_id=actor.user_id,
            role=role,
            joined_at=now,
            node=ctx.node,
        )
        try:
            return await _added(ctx, first)
        except Conflict:  # the unique index: somebody was faster
            known = await of(ctx, session, actor)
            if known is None:
                raise _over() from None
    again = {"joinedAt": now, "leftAt": None} if known.left_at is not None else {}
    return await ctx.participants.update(known.id, set={"role": role, "node": ctx.node, **again})


async def _added(ctx: Context, first: Participant) -> Participant:
    await ctx.participants.add(first)
    if await references.lost(ctx, first):  # whoever deleted the session just now may have overlooked it
        await ctx.participants.delete_many({"_id": first.id})
        raise _over()
    return first


def _over() -> NotFound:
    return NotFound("not_found", "this session has just been deleted")


async def leave(ctx: Context, participant_id: str, now: datetime) -> Participant:
    """Close the stay and add it to `seconds_present`; leaving twice counts once."""
    stay = await ctx.participants.get(participant_id)
    if stay.left_at is not None:
        return stay
    this_stay = {"_id": stay.id, "leftAt": None, "joinedAt": stay.joined_at}
    closed = await ctx.participants.update_one(
        this_stay, set={"leftAt": now}, inc={"secondsPresent": stay.stay_s(now)}
    )
    return closed or await ctx.participants.get(participant_id)


async def remove(ctx: Context, participant_id: str, now: datetime) -> Participant:
    """Close the stay and refuse later joins (`removed`)."""
    await ctx.participants.update(participant_id, set={"removedAt": now})
    return await leave(ctx, participant_id, now)


async def save_state(
    ctx: Context,
    participant_id: str,
    *,
    mute: bool | None = None,
    video_visible: bool | None = None,
    cast_screen: bool | None = None,
    promoted: bool | None = None,
    role: ParticipantRole | None = None,
) -> Participant:
    """Store what the room decided; None leaves a field as it is."""
    flags = {"mute": mute, "videoVisible": video_visible, "castScreen": cast_screen}
    state = {**flags, "promoted": promoted, "role": role}
    changes = {name: value for name, value in state.items() if value is not None}
    return await ctx.participants.update(participant_id, set=changes)


async def close_stays(ctx: Context, now: datetime) -> int:
    """At start: nobody is in any session here, whatever the documents of the last run say. The number closed.

    A stay that was cut off counts up to `updated_at`, the last that is known of it.
    """
    stays = await ctx.participants.find({"leftAt": None} | ctx.own)
    for stay in stays:
        await leave(ctx, stay.id, min(now, stay.updated_at))
    return len(stays)


async def describe(ctx: Context, reader: Actor, found: Sequence[Participant]) -> list[dict[str, Any]]:
    """Participants as REST gives them: with `username`, as rooms have it, beside `user`."""
    wires = await expansion.describe(ctx, reader, found)
    return [wire | {"username": wire["user"]["username"]} for wire in wires]
