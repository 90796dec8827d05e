"""List and end the logins of the signed-in user."""

from typing import Any

from mediaserver.base.errors import NotFound
from mediaserver.domain.accounts.users import Login
from mediaserver.domain.documents.actor import Actor
from mediaserver.store.reader import Page
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.context import Context
from mediaserver.usecases.login import devices


async def page(ctx: Context, actor: Actor, limit: int, cursor: str | None) -> Page[Login]:
    """Return a page of the actor's active logins, the latest sign-in first."""
    user = await ctx.users.get(actor.user_id)
    alive: dict[str, Any] = {"userId": user.id, "revokedAt": None, "expiresAt": {"$gt": ctx.clock()}}
    if user.login_epoch:  # logins created before epochs existed have none
        alive["epoch"] = {"$gte": user.login_epoch}
    return await ctx.logins.page(alive, [("_id", -1)], limit=limit, cursor=cursor)


async def end(ctx: Context, actor: Actor, login_id: str) -> None:
    """End one of the actor's logins, close its sockets and forget its device. Raises: NotFound."""
    login = await ctx.logins.find_one({"_id": login_id, "userId": actor.user_id, "revokedAt": None})
    if login is None:
        raise NotFound("not_found", "There is no such login.")
    await devices.forget(ctx, login.device_id)
    await identity.end_login(ctx, login)


async def current_device(ctx: Context, actor: Actor) -> str | None:
    """Return the id of the device of the actor's current login."""
    login = await ctx.logins.find_one({"_id": actor.login_id})
    return login.device_id if login else None


async def forget_device(ctx: Context, actor: Actor, device_id: str) -> None:
    """Forget one of the actor's devices and end its logins. Raises: NotFound."""
    device = await devices.require_own(ctx, actor, device_id)
    await devices.forget(ctx, device.id)
    for login in await ctx.logins.find({"userId": actor.user_id, "deviceId": device.id, "revokedAt": None}):
        await identity.end_login(ctx, login)
