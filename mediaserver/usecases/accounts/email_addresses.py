"""Change the email address of an account.

The change requires the password, because password-reset mails go to this address. Where addresses must be
confirmed, the old address stays in use until the new one is confirmed (`email_verification`).
"""

from typing import Any

from mediaserver.base.errors import Conflict, FieldError, Invalid
from mediaserver.base.net.networks import client_network
from mediaserver.domain.accounts.users import User, folded
from mediaserver.domain.documents.actor import Actor
from mediaserver.usecases.accounts import email_verification, identity, registration, verification_links
from mediaserver.usecases.context import Context, stored_names
from mediaserver.usecases.login import mail_templates


async def change(ctx: Context, actor: Actor, password: str, email: str, address: str = "") -> User:
    """Change the email address, or mail a confirmation link where `auth.require_verified_email` is set.

    The old address is notified in both cases. With the setting, the response does not reveal whether another
    account has the new address. Passing the current address cancels an unconfirmed change. `address` is the IP
    address of the client.

    Raises: Forbidden("wrong_password"); Conflict("password_changed"); Conflict("email_taken") only without the
    setting; Invalid when the address equals the password or its domain is not allowed; TooMany.
    """
    auth = ctx.settings.auth
    registration.require_allowed_domain(auth, email)
    before = await ctx.users.get(actor.user_id)
    async with ctx.passwords.turn(before.id, known=True):
        await identity.require_password(ctx, actor, before, password, "password")
    if before.model_copy(update={"email": email}).refuses_password(password):
        raise Invalid(
            "invalid", "This email address cannot be used.", [FieldError("email", "must not be the password")]
        )
    same_mailbox = before.email_verified and folded(email) == folded(before.email)
    if same_mailbox or not auth.require_verified_email:
        return await _change_at_once(ctx, before, email)
    await email_verification.count_request(ctx, before)
    waiting = {"pending_email": email} if before.email_verified else {"email": email}
    after = await _store(ctx, before, stored_names(User, {**waiting, "verify_hash": None}))
    verification_links.send(ctx, after, client_network(address))
    if before.email_verified:
        ctx.mail.send(mail_templates.address_change_requested(ctx.settings, before, email, ctx.clock()))
    return after


async def _change_at_once(ctx: Context, before: User, email: str) -> User:
    after = await _store(ctx, before, email_verification.confirmed_address_fields(email))
    if after.email != before.email and before.email_verified:
        ctx.mail.send(mail_templates.address_changed(ctx.settings, before, email, ctx.clock()))
    return after


async def _store(ctx: Context, before: User, fields: dict[str, Any]) -> User:
    """Raises: Conflict("password_changed" | "email_taken")."""
    same = {"_id": before.id, "loginEpoch": before.login_epoch}  # a new password starts a new login epoch
    after = await ctx.users.update_one(same, set=fields)
    if after is None:
        raise Conflict("password_changed", "The password was changed in the meantime. Sign in again.")
    return after
