"""Deleting a session with all that happened in it: nobody sees it from the first step on, and all of it goes.

Participants, messages and recordings hang on it by their references; here is what references do not say.
"""

from mediaserver.base.errors import Conflict
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.sessions import Session
from mediaserver.domain.uploads.uploads import Use
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.events import SessionDeleted
from mediaserver.usecases.notifications import notifications
from mediaserver.usecases.sessions import recordings, sessions
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.writes import settling


async def delete_session(ctx: Context, actor: Actor, session: Session) -> None:
    """Remove a session with its participants, messages and recordings.

    Forbidden; Conflict `live` while it runs, `busy` while a recording of it is being made.
    """
    sessions.require_moderator(actor, session)
    await settling.remove(ctx, session)


async def _forbids(ctx: Context, session: Session, settled: bool) -> None:
    if session.status == "live":
        raise Conflict("live", "a running session cannot be deleted; end it first")
    await recordings.require_none_in_making(ctx, session, settled)


async def _removed(ctx: Context, session: Session) -> None:
    """Its messages have gone before this; uploads that only they showed expire."""
    await uploads.release_every(ctx, Use(kind="session", id=session.id))
    await notifications.forget(ctx, session.id)
    ctx.events.publish(SessionDeleted(session))


CONSEQUENCES = Consequences(removed=_removed, forbids=_forbids)
