"""Known devices of an account: browsers that signed in before or were confirmed by mail.

A known device has a random token, of which the server stores the hash. The token exempts a sign-in from the
delays caused by strangers; the password is still required. All devices are forgotten when all logins of the user
end (signing out everywhere, a new password, deactivation), except the device that changes the password.
"""

from datetime import timedelta
from typing import Any, Final

from mediaserver.base.errors import NotFound
from mediaserver.domain.accounts.devices import KnownDevice
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor
from mediaserver.store.reader import Page
from mediaserver.usecases.context import Context
from mediaserver.usecases.login import tokens

MAX_PER_ACCOUNT: Final = 20


async def recognize(ctx: Context, user: User | None, token: str) -> KnownDevice | None:
    """Return the known device of `user` with this token, or None."""
    id = tokens.subject_of(token)
    if not id:
        return None
    # Looked up independently of the user, so that timing does not reveal whether the account exists.
    device = await ctx.of(KnownDevice).find_one({"_id": id, "tokenHash": tokens.hash_token(token)})
    known = device is not None and user is not None and device.is_known(user, ctx.clock())
    return device if known else None


async def remember(ctx: Context, user: User, user_agent: str) -> tuple[KnownDevice, str]:
    """Add a known device and return it with its token.

    Beyond `MAX_PER_ACCOUNT`, devices that are expired or were never used again are removed first.
    """
    stamp, now = ctx.stamp(), ctx.clock()
    token, token_hash = tokens.new_token(stamp["id"])
    device = KnownDevice(
        **stamp,
        user_id=user.id,
        token_hash=token_hash,
        epoch=user.login_epoch,
        last_used_at=now,
        expires_at=_expiry(ctx),
        user_agent=user_agent,
    )
    others = await ctx.of(KnownDevice).find({"userId": user.id})
    others.sort(key=lambda one: (one.is_known(user, now), one.last_used_at > one.created_at, one.last_used_at))
    if surplus := [one.id for one in others[: max(0, len(others) + 1 - MAX_PER_ACCOUNT)]]:
        await ctx.of(KnownDevice).delete_many({"_id": {"$in": surplus}})
    await ctx.of(KnownDevice).add(device)
    return device, token


async def mark_used(ctx: Context, device: KnownDevice, user_agent: str) -> None:
    """Record a sign-in with the device and extend its lifetime."""
    used = {"lastUsedAt": ctx.clock(), "expiresAt": _expiry(ctx), "userAgent": user_agent}
    await ctx.of(KnownDevice).update_one({"_id": device.id}, set=used)


async def set_epoch(ctx: Context, device_id: str | None, epoch: int) -> None:
    """Keep a device known when the login epoch of its user becomes `epoch`."""
    if device_id is not None:
        await ctx.of(KnownDevice).update_one({"_id": device_id}, set={"epoch": epoch})


async def page(ctx: Context, actor: Actor, limit: int, cursor: str | None) -> Page[KnownDevice]:
    """Return a page of the actor's known devices, the newest first."""
    user = await ctx.users.get(actor.user_id)
    known: dict[str, Any] = {
        "userId": user.id, "epoch": {"$gte": user.login_epoch}, "expiresAt": {"$gt": ctx.clock()}
    }  # fmt: skip
    return await ctx.of(KnownDevice).page(known, [("_id", -1)], limit=limit, cursor=cursor)


async def require_own(ctx: Context, actor: Actor, device_id: str) -> KnownDevice:
    """Return a device of the actor. Raises: NotFound."""
    device = await ctx.of(KnownDevice).find_one({"_id": device_id, "userId": actor.user_id})
    if device is None:
        raise NotFound("not_found", "There is no such device.")
    return device


async def forget(ctx: Context, device_id: str | None) -> None:
    """Remove a known device, if it exists."""
    if device_id is not None:
        await ctx.of(KnownDevice).delete_many({"_id": device_id})


def _expiry(ctx: Context) -> Any:
    return ctx.clock() + timedelta(seconds=ctx.settings.auth.device_ttl_s)
