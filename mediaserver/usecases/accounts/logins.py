"""The devices on which somebody is signed in: seen and ended one by one."""

from typing import Any

from mediaserver.base.errors import NotFound
from mediaserver.domain.accounts.users import Login
from mediaserver.domain.documents.actor import Actor
from mediaserver.store.reader import Page
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.context import Context
from mediaserver.usecases.login import devices


async def page(ctx: Context, actor: Actor, limit: int, cursor: str | None) -> Page[Login]:
    """One's own logins that are not over, the latest sign-in first."""
    user = await ctx.users.get(actor.user_id)
    alive: dict[str, Any] = {"userId": user.id, "revokedAt": None, "expiresAt": {"$gt": ctx.clock()}}
    if user.login_epoch:  # a login from before there were epochs has none
        alive["epoch"] = {"$gte": user.login_epoch}
    return await ctx.logins.page(alive, [("_id", -1)], limit=limit, cursor=cursor)


async def end(ctx: Context, actor: Actor, login_id: str) -> None:
    """End one of the actor's own logins and its sockets; its device becomes unknown. NotFound."""
    login = await ctx.logins.find_one({"_id": login_id, "userId": actor.user_id, "revokedAt": None})
    if login is None:
        raise NotFound("not_found", "there is no such login")
    await devices.forget(ctx, login.device_id)
    await identity.end_login(ctx, login)


async def current_device(ctx: Context, actor: Actor) -> str | None:
    """Return the id of the device that the actor's present login belongs to."""
    login = await ctx.logins.find_one({"_id": actor.login_id})
    return login.device_id if login else None


async def forget_device(ctx: Context, actor: Actor, device_id: str) -> None:
    """Make one of the actor's devices unknown and end its logins. NotFound."""
    device = await devices.require_own(ctx, actor, device_id)
    await devices.forget(ctx, device.id)
    for login in await ctx.logins.find({"userId": actor.user_id, "deviceId": device.id, "revokedAt": None}):
        await identity.end_login(ctx, login)
