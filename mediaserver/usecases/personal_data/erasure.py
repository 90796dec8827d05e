"""Delete a user with all content that is only theirs; content that others replied to stays, by "deleted user".

The account is deactivated and its sockets are closed first. The rest runs as a recoverable deletion, so it is
completed even when the server stops in between.
"""

import contextlib

from mediaserver.base.errors import Conflict, NotFound
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.sessions.sessions import Session
from mediaserver.domain.uploads.uploads import Use
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.documents import references
from mediaserver.usecases.personal_data.export import require_own
from mediaserver.usecases.sessions import deletion, sessions
from mediaserver.usecases.social import tombstones
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.uploads.storage_quota import discard
from mediaserver.usecases.writes import settling


async def erase(ctx: Context, actor: Actor, user: User) -> None:
    """Delete a user.

    Raises: Forbidden; Conflict("own_account") for an admin's own account; Conflict("in_use") for an instructor of
    a course.
    """
    require_own(actor, user)
    if actor.user_id == user.id and user.role == "admin":
        raise Conflict("own_account", "You cannot delete your own admin account. Ask another admin.")
    await references.refuse_if_needed(ctx, user)
    await identity.set_active(ctx, user.id, active=False)
    await settling.remove(ctx, user)


async def _removed(ctx: Context, user: User) -> None:
    """Clean up after a user was deleted. Documents that reference the user are already deleted."""
    await _hand_over_sessions(ctx, user)
    await tombstones.bury_all(ctx, user.id)
    if user.profile_image:
        await uploads.release(ctx, user.profile_image, Use(kind="profile", id=user.id))
    async for upload in ctx.uploads.each({"ownerUserId": user.id, "used": False}):
        await discard(ctx, upload)


async def _hand_over_sessions(ctx: Context, user: User) -> None:
    """End live sessions of the user; give scheduled ones to the instructor of the course, or delete them."""
    moderator = Actor(user.id, user.username, user.role, login_id="")
    theirs = {"moderatorUserId": user.id, "status": {"$in": ["live", "scheduled"]}}
    async for session in ctx.sessions.each(theirs):
        with contextlib.suppress(NotFound):  # it was deleted in the meantime
            await _end_or_hand_over(ctx, moderator, session)


async def _end_or_hand_over(ctx: Context, moderator: Actor, session: Session) -> None:
    if session.status == "live":
        await sessions.end(ctx, moderator, session.kind, session.id)
    elif course := await ctx.of(Course).find_one({"_id": session.course_id}):
        its = {"_id": session.id, "moderatorUserId": moderator.user_id}
        await ctx.sessions.update_one(its, set={"moderatorUserId": course.instructor_user_id})
    else:
        await deletion.delete_session(ctx, moderator, session)


CONSEQUENCES = Consequences(removed=_removed)
