"""Accounts whose address nobody confirmed: deleted after a while, so that they hold no username for good."""

import logging
from datetime import datetime, timedelta

from mediaserver.base.errors import Problem
from mediaserver.domain.accounts.users import User
from mediaserver.usecases.context import Context
from mediaserver.usecases.documents import references
from mediaserver.usecases.login import revocations
from mediaserver.usecases.writes import settling

log = logging.getLogger(__name__)

_BATCH = 100
_RENEWED = timedelta(hours=1)
"""While addresses need not be confirmed, the time is extended in steps of this length at least."""


async def expire(ctx: Context, now: datetime) -> int:
    """Delete accounts whose time is over; return how many. Call it now and then.

    While `auth.require_verified_email` is off none expires, and each has the whole time again when it is on.
    """
    deadline = now + timedelta(seconds=ctx.settings.auth.unverified_ttl_s)
    if not ctx.settings.auth.require_verified_email:
        waiting = {"emailVerified": False, "verifyBy": {"$lt": deadline - _RENEWED}}
        await ctx.users.update_many(waiting, set={"verifyBy": deadline}, edits=False)
        return 0
    over = {"emailVerified": False, "verifyBy": {"$lt": now}}
    deleted = 0
    for user in await ctx.users.find(over, sort=[("verifyBy", 1)], limit=_BATCH):
        try:
            deleted += await _delete(ctx, user, now)
        except (Problem, TimeoutError) as problem:
            log.warning("an unverified account cannot be deleted", extra={"user": user.id, "why": str(problem)})
    return deleted


async def _delete(ctx: Context, user: User, now: datetime) -> bool:
    """False when the address was confirmed at this very moment."""
    await references.refuse_if_needed(ctx, user)
    # From here on it cannot be confirmed, and what was confirmed before this is not found.
    over = {"_id": user.id, "emailVerified": False, "verifyBy": {"$lt": now}}
    changes = {"active": False, "rightsChangedAt": now}
    closed = await ctx.users.update_one(over, set=changes, inc={"loginEpoch": 1})
    if closed is None:
        return False
    await revocations.rights_changed(ctx, closed)
    await settling.remove(ctx, closed)
    return True
