"""Delete accounts whose address was never confirmed, to release their usernames."""

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
"""Minimum step by which deadlines are extended while confirmation is not required."""


async def expire(ctx: Context, now: datetime) -> int:
    """Delete expired unverified accounts and return their number. Call this periodically.

    While `auth.require_verified_email` is off, no account expires and all deadlines are extended.
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
            log.warning(
                "could not delete an expired unverified account", extra={"user": user.id, "why": str(problem)}
            )
    return deleted


async def _delete(ctx: Context, user: User, now: datetime) -> bool:
    """Delete the account. Return False when its address was confirmed at the same time."""
    await references.refuse_if_needed(ctx, user)
    # An inactive account cannot be confirmed; one that was just confirmed no longer matches.
    over = {"_id": user.id, "emailVerified": False, "verifyBy": {"$lt": now}}
    changes = {"active": False, "rightsChangedAt": now}
    closed = await ctx.users.update_one(over, set=changes, inc={"loginEpoch": 1})
    if closed is None:
        return False
    await revocations.rights_changed(ctx, closed)
    await settling.remove(ctx, closed)
    return True
