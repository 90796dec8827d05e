"""The devices that an account knows: a browser that signed in before, or was confirmed by mail.

A known device holds a random token, of which the server stores the hash. At a sign-in it proves that the device
is not a stranger's; the password is needed all the same. All devices become unknown when all logins of the
person end (signing out everywhere, another password, deactivation); the device that changes the password stays
known.
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


async def recognise(ctx: Context, user: User | None, token: str) -> KnownDevice | None:
    """Return the device of `user` that holds this token. Any other token means nothing."""
    id = tokens.subject_of(token)
    if not id:
        return None
    # Looked up without the person, so that the time does not tell whether there is one.
    device = await ctx.of(KnownDevice).find_one({"_id": id, "tokenHash": tokens.hash_token(token)})
    known = device is not None and user is not None and device.is_known(user, ctx.clock())
    return device if known else None


async def remember(ctx: Context, user: User, user_agent: str) -> tuple[KnownDevice, str]:
    """Make a device known; return it with its token. Beyond the bound, those that were never used again go
    first."""
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
    used = {"lastUsedAt": ctx.clock(), "expiresAt": _expiry(ctx), "userAgent": user_agent}
    await ctx.of(KnownDevice).update_one({"_id": device.id}, set=used)


async def set_epoch(ctx: Context, device_id: str | None, epoch: int) -> None:
    """Keep a device known when the person's login epoch becomes `epoch`."""
    if device_id is not None:
        await ctx.of(KnownDevice).update_one({"_id": device_id}, set={"epoch": epoch})


async def page(ctx: Context, actor: Actor, limit: int, cursor: str | None) -> Page[KnownDevice]:
    """Return the known devices of the actor, those that became known last first."""
    user = await ctx.users.get(actor.user_id)
    known: dict[str, Any] = {
        "userId": user.id, "epoch": {"$gte": user.login_epoch}, "expiresAt": {"$gt": ctx.clock()}
    }  # fmt: skip
    return await ctx.of(KnownDevice).page(known, [("_id", -1)], limit=limit, cursor=cursor)


async def require_own(ctx: Context, actor: Actor, device_id: str) -> KnownDevice:
    device = await ctx.of(KnownDevice).find_one({"_id": device_id, "userId": actor.user_id})
    if device is None:
        raise NotFound("not_found", "There is no such device.")
    return device


async def forget(ctx: Context, device_id: str | None) -> None:
    """Make a device unknown; nothing happens when it is already."""
    if device_id is not None:
        await ctx.of(KnownDevice).delete_many({"_id": device_id})


def _expiry(ctx: Context) -> Any:
    return ctx.clock() + timedelta(seconds=ctx.settings.auth.device_ttl_s)
