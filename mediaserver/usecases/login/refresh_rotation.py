"""Rotating the refresh token of a login: each is used up by the next, and stored as a hash only."""

from datetime import timedelta

from mediaserver.domain.accounts.users import REPEATABLE_S, Login
from mediaserver.usecases.context import Context


async def rotate(ctx: Context, login: Login, used: str, successor: str) -> bool:
    """Put the hash `successor` in the place of `used`, or of its unused successor. Each way is one step in the
    store: of the same token twice at once, one goes the first way and the other the second."""
    now = ctx.clock()
    changes = {"tokenHash": successor, "lastUsedAt": now, "expiresAt": now + life(ctx)}
    newest = {"_id": login.id, "revokedAt": None, "tokenHash": used}
    if await ctx.logins.update_one(newest, set={**changes, "previousHash": used, "previousUsedAt": now}):
        return True
    since = now - timedelta(seconds=REPEATABLE_S)
    before = {"_id": login.id, "revokedAt": None, "previousHash": used, "previousUsedAt": {"$gt": since}}
    return await ctx.logins.update_one(before, set=changes) is not None


def life(ctx: Context) -> timedelta:
    """Return how long a login lives that is not used."""
    return timedelta(seconds=ctx.settings.auth.refresh_ttl_s)
