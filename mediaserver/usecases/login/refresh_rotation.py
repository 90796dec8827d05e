"""Rotate refresh tokens: each use replaces the token, and only hashes are stored."""

from datetime import timedelta

from mediaserver.domain.accounts.users import REPEATABLE_S, Login
from mediaserver.usecases.context import Context


async def rotate(ctx: Context, login: Login, used: str, successor: str) -> bool:
    """Replace the hash `used`, or its unused successor, by `successor`; return False when neither is possible.

    Each case is one atomic update, so of two concurrent uses of a token one takes the first and one the second.
    """
    now = ctx.clock()
    changes = {"tokenHash": successor, "lastUsedAt": now, "expiresAt": now + life(ctx)}
    newest = {"_id": login.id, "revokedAt": None, "tokenHash": used}
    if await ctx.logins.update_one(newest, set={**changes, "previousHash": used, "previousUsedAt": now}):
        return True
    since = now - timedelta(seconds=REPEATABLE_S)
    before = {"_id": login.id, "revokedAt": None, "previousHash": used, "previousUsedAt": {"$gt": since}}
    return await ctx.logins.update_one(before, set=changes) is not None


def life(ctx: Context) -> timedelta:
    """Return the lifetime of an unused login."""
    return timedelta(seconds=ctx.settings.auth.refresh_ttl_s)
