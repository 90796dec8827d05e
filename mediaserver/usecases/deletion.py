"""Deleting what other documents refer to: what hangs on it goes first, it goes last.

There are no transactions: when something fails in between, deleting again finds the rest.
"""

from mediaserver.base.errors import Conflict
from mediaserver.domain.actor import Actor
from mediaserver.domain.sessions import Session
from mediaserver.usecases import chat, notifications, recordings, sessions
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import SessionDeleted


async def delete_session(ctx: Context, actor: Actor, session: Session) -> None:
    """Remove a session with its participants, messages and recordings.

    Forbidden; Conflict `live` while it runs, `busy` while a recording of it is being made.
    """
    sessions.require_moderator(actor, session)
    if session.status == "live":
        raise Conflict("live", "a running session cannot be deleted; end it first")
    await recordings.delete_of(ctx, session)
    await chat.delete_of(ctx, session)
    await ctx.participants.delete_many({"sessionKind": session.kind, "sessionId": session.id})
    await notifications.forget(ctx, session.id)
    await ctx.sessions.delete(session.id)
    ctx.events.publish(SessionDeleted(session))
