"""Change a password with the current one, or reset it with a mailed link.

The new password, the end of the other logins and the use of the reset token are one write to the user.
"""

from datetime import timedelta
from typing import Any

from mediaserver.base.errors import Conflict, Gone
from mediaserver.base.net.networks import client_network
from mediaserver.domain.accounts.users import VERIFIED, User, folded, is_login_email
from mediaserver.domain.documents.actor import Actor
from mediaserver.store.mail import MailMessage
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.context import Context
from mediaserver.usecases.login import devices, mail_templates, revocations, tokens
from mediaserver.usecases.login.login_attempts import HOUR_S, MINUTE_S, account_key, refuse_if_exceeded

_LINK_MINUTES = 60
_FROM_ONE_ADDRESS = 10
"""Limit per IP address, as a multiple of the limit per account: a school may share one address."""


async def change(ctx: Context, actor: Actor, current: str, new: str) -> None:
    """Set a new password and end all other logins of the user.

    Raises: Forbidden("wrong_password"); Invalid; TooMany; Conflict("password_changed") after a concurrent change.
    """
    user = await ctx.users.get(actor.user_id)
    identity.check_password(user, new, "newPassword")
    async with ctx.passwords.turn(user.id, known=True):
        await identity.require_password(ctx, actor, user, current, "currentPassword")
        password_hash = await ctx.passwords.hash(new)
    # Move this login to the next epoch first, so that it stays valid throughout the change.
    this, following = {"_id": actor.login_id, "revokedAt": None}, user.login_epoch + 1
    login = await ctx.logins.update_one(this, set={"epoch": following})
    device_id = login.device_id if login else None
    await devices.set_epoch(ctx, device_id, following)
    # Compare epochs rather than hashes: a sign-in may upgrade the hash of the same password.
    unchanged = {"_id": user.id, "loginEpoch": user.login_epoch}
    changed = await ctx.users.update_one(unchanged, **_password_update(ctx, password_hash))
    if changed is None:
        await ctx.logins.update_one({**this, "epoch": following}, set={"epoch": user.login_epoch})
        await devices.set_epoch(ctx, device_id, user.login_epoch)
        raise Conflict("password_changed", "The password was changed in the meantime. Sign in again.")
    await _notify(ctx, changed)


async def set_password(ctx: Context, user_id: str, new: str) -> User:
    """Set a password and end all logins, for the command line. Raises: NotFound; Invalid."""
    identity.check_password(await ctx.users.get(user_id), new)
    async with ctx.passwords.turn():
        password_hash = await ctx.passwords.hash(new)
    user = await ctx.users.update(user_id, **_password_update(ctx, password_hash))
    await _notify(ctx, user)
    return user


async def ask(ctx: Context, login: str, address: str) -> None:
    """Mail a password-reset link to the user with this username or email address, if there is one.

    The user is looked up in the background, so neither the response nor its timing reveals whether the account
    exists. Raises: TooMany.
    """
    key, limit = folded(login), ctx.settings.auth.resets_per_hour
    network = client_network(address)
    refuse_if_exceeded(await ctx.counters.hit(f"reset-address:{network}", limit * _FROM_ONE_ADDRESS, HOUR_S))
    # Counted per network, so that requests of strangers do not block the owner of the account.
    name = account_key(ctx.secrets.jwt_key, key, exists=True)
    refuse_if_exceeded(await ctx.counters.hit(f"reset-pair:{name} {network}", limit, HOUR_S))
    ctx.mail.send_composed(lambda: _compose_reset(ctx, key))


async def confirm(ctx: Context, token: str, new: str, address: str) -> None:
    """Set a new password with a reset token and end all logins. Of two concurrent calls, one succeeds.

    Raises: Gone("reset_over") when the token was used, has expired, was replaced or is unknown; Invalid; TooMany.
    """
    good = {
        "_id": tokens.subject_of(token),
        "resetHash": tokens.hash_token(token),
        "resetUntil": {"$gt": ctx.clock()},
        "active": True,
    }
    user = await ctx.users.find_one(good)
    if user is None:
        # Only wrong tokens are counted: valid ones work even after many guesses from this address.
        limit = ctx.settings.auth.attempts_per_minute
        refuse_if_exceeded(await ctx.counters.hit(f"reset-guess:{client_network(address)}", limit, MINUTE_S))
        raise _over()
    identity.check_password(user, new)
    async with ctx.passwords.turn(client_network(address), known=True):
        password_hash = await ctx.passwords.hash(new)
    changed = await ctx.users.update_one(good, **_password_update(ctx, password_hash))
    if changed is None:
        raise _over()
    await _notify(ctx, changed)


async def _compose_reset(ctx: Context, key: str) -> MailMessage | None:
    name = "emailFolded" if is_login_email(key) else "usernameFolded"
    user = await ctx.users.find_one({name: key, "active": True, **VERIFIED})
    limit = ctx.settings.auth.resets_per_hour
    if user is None or not (await ctx.counters.hit(f"reset:{user.id}", limit, HOUR_S)).allowed:
        return None
    token, token_hash = tokens.new_token(user.id)
    until = ctx.clock() + timedelta(minutes=_LINK_MINUTES)
    await ctx.users.update(user.id, set={"resetHash": token_hash, "resetUntil": until}, edits=False)
    return mail_templates.reset(ctx.settings, user, token, _LINK_MINUTES)


def _password_update(ctx: Context, password_hash: str) -> dict[str, Any]:
    """Return the update that stores a new password; it does not count as an edit of the user."""
    links = {"resetHash": None, "deviceLinkHash": None}
    fields = {"passwordHash": password_hash, "rightsChangedAt": ctx.clock(), **links}
    return {"set": fields, "inc": {"loginEpoch": 1}, "edits": False}


async def _notify(ctx: Context, user: User) -> None:
    if user.email_verified:  # otherwise the mailbox may belong to someone else
        ctx.mail.send(mail_templates.password_changed(ctx.settings, user, ctx.clock()))
    await revocations.rights_changed(ctx, user)


def _over() -> Gone:
    return Gone("reset_over", "This link was already used or has expired. Request a new one.")
