"""Erasing a person with everything that is only theirs; what others built on stays, by "deleted user".

Nobody sees them from the first step on, and their sockets end; the rest is settled like every removal, so it is
finished though the server dies on the way.
"""

from mediaserver.base.errors import Conflict
from mediaserver.domain.actor import Actor
from mediaserver.domain.uploads import Use
from mediaserver.domain.users import User
from mediaserver.usecases import burying, identity, references, sessions, settling, uploads
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.export import require_own
from mediaserver.usecases.keeping import discard


async def erase(ctx: Context, actor: Actor, user: User) -> None:
    """Forbidden; Conflict `own_account` for an admin's own, `in_use` while they teach a course."""
    require_own(actor, user)
    if actor.user_id == user.id and user.role == "admin":
        raise Conflict("own_account", "nobody takes their own rights away: ask another admin")
    await references.refuse_if_needed(ctx, user)
    for session in await ctx.sessions.find({"moderatorUserId": user.id, "status": "live"}):
        await sessions.end(ctx, _as_moderator(user), session.kind, session.id)
    await identity.set_active(ctx, user.id, active=False)
    await settling.remove(ctx, user)


async def _removed(ctx: Context, user: User) -> None:
    """What hangs on them by references has gone before this."""
    await burying.bury_all(ctx, user.id)
    if user.profile_image:
        await uploads.release(ctx, user.profile_image, Use(kind="profile", id=user.id))
    async for upload in ctx.uploads.each({"ownerUserId": user.id, "used": False}):
        await discard(ctx, upload)


def _as_moderator(user: User) -> Actor:
    return Actor(user.id, user.username, user.role, login_id="")


CONSEQUENCES = Consequences(removed=_removed)
