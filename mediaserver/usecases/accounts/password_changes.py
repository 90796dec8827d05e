"""Another password: changed by who knows the present one, or set by who gets the letter at the account's address.

The password, the end of the other logins and the use of a letter's token are one write to the person.
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
"""So many times the letters of one account may be asked for from one address: a school has one for all."""


async def change(ctx: Context, actor: Actor, current: str, new: str) -> None:
    """Set `new` and end all other logins of the person; this one goes on.

    Forbidden `wrong_password`, Invalid, TooMany; Conflict when the password was changed meanwhile.
    """
    user = await ctx.users.get(actor.user_id)
    identity.check_password(user, new, "newPassword")
    async with ctx.passwords.turn(user.id, known=True):
        await identity.require_password(ctx, actor, user, current, "currentPassword")
        password_hash = await ctx.passwords.hash(new)
    # First this login goes over into the epoch that the change begins, so that it is never over in between.
    this, following = {"_id": actor.login_id, "revokedAt": None}, user.login_epoch + 1
    login = await ctx.logins.update_one(this, set={"epoch": following})
    device_id = login.device_id if login else None
    await devices.set_epoch(ctx, device_id, following)
    # Each change of the password begins an epoch. The hash alone may become a stronger one of the same password.
    unchanged = {"_id": user.id, "loginEpoch": user.login_epoch}
    changed = await ctx.users.update_one(unchanged, **_setting(ctx, password_hash))
    if changed is None:
        await ctx.logins.update_one({**this, "epoch": following}, set={"epoch": user.login_epoch})
        await devices.set_epoch(ctx, device_id, user.login_epoch)
        raise Conflict("password_changed", "the password was changed meanwhile")
    await _tell(ctx, changed)


async def set_password(ctx: Context, user_id: str, new: str) -> User:
    """For the command line: ends all logins. NotFound, Invalid."""
    identity.check_password(await ctx.users.get(user_id), new)
    async with ctx.passwords.turn():
        password_hash = await ctx.passwords.hash(new)
    user = await ctx.users.update(user_id, **_setting(ctx, password_hash))
    await _tell(ctx, user)
    return user


async def ask(ctx: Context, login: str, address: str) -> None:
    """Send the person of that username or email a link for a new password, if there is one.

    Neither the answer nor its time tells: the person is looked up when the letter is written. TooMany.
    """
    key, limit = folded(login), ctx.settings.auth.resets_per_hour
    network = client_network(address)
    refuse_if_exceeded(await ctx.counters.hit(f"reset-address:{network}", limit * _FROM_ONE_ADDRESS, HOUR_S))
    # Only what was asked for from here: strangers who ask for the same account refuse its owner nothing.
    name = account_key(ctx.secrets.jwt_key, key, exists=True)
    refuse_if_exceeded(await ctx.counters.hit(f"reset-pair:{name} {network}", limit, HOUR_S))
    ctx.mail.send_composed(lambda: _compose_reset(ctx, key))


async def confirm(ctx: Context, token: str, new: str, address: str) -> None:
    """Set a new password with the token of a letter, and end all logins: of two who confirm at once, one does.

    Gone `reset_over` when the token was used, is too old, has a younger one or was made up; Invalid, TooMany.
    """
    good = {
        "_id": tokens.subject_of(token),
        "resetHash": tokens.hash_token(token),
        "resetUntil": {"$gt": ctx.clock()},
        "active": True,
    }
    user = await ctx.users.find_one(good)
    if user is None:
        # A good token is not refused because others at this address made some up.
        limit = ctx.settings.auth.attempts_per_minute
        refuse_if_exceeded(await ctx.counters.hit(f"reset-guess:{client_network(address)}", limit, MINUTE_S))
        raise _over()
    identity.check_password(user, new)
    async with ctx.passwords.turn(client_network(address), known=True):
        password_hash = await ctx.passwords.hash(new)
    changed = await ctx.users.update_one(good, **_setting(ctx, password_hash))
    if changed is None:
        raise _over()
    await _tell(ctx, changed)


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


def _setting(ctx: Context, password_hash: str) -> dict[str, Any]:
    """What a new password changes in a person: nothing that editors see."""
    links = {"resetHash": None, "deviceLinkHash": None}
    fields = {"passwordHash": password_hash, "rightsChangedAt": ctx.clock(), **links}
    return {"set": fields, "inc": {"loginEpoch": 1}, "edits": False}


async def _tell(ctx: Context, user: User) -> None:
    if user.email_verified:  # else the mailbox may be somebody else's
        ctx.mail.send(mail_templates.password_changed(ctx.settings, user, ctx.clock()))
    await revocations.rights_changed(ctx, user)


def _over() -> Gone:
    return Gone("reset_over", "this link was used or is too old; ask for a new one")
