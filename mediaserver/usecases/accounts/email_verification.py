"""Confirm email addresses with a mailed link and the password, and restrict unconfirmed accounts.

Several accounts may claim the same address; the unique index gives it to the first one that confirms it.
Requiring the password protects both sides: opening a link that the user did not request confirms nothing, and
confirming ends all logins, so an attacker who registered with someone else's address loses access.
"""

from mediaserver.base.errors import Conflict, FieldError, Forbidden, Gone
from mediaserver.base.net.networks import client_network
from mediaserver.domain.accounts.users import User, folded
from mediaserver.domain.documents.actor import Actor
from mediaserver.usecases.accounts import identity, verification_links
from mediaserver.usecases.context import Context
from mediaserver.usecases.login import mail_templates, revocations, tokens
from mediaserver.usecases.login.login_attempts import HOUR_S, MINUTE_S, refuse_if_exceeded


def require_verified(actor: Actor) -> None:
    """Refuse an actor whose address is not confirmed. Raises: Forbidden("email_unverified")."""
    if not actor.verified:
        detail = "Confirm your email address first: open the link that we mailed to you, or request a new one."
        raise Forbidden("email_unverified", detail)


async def resend(ctx: Context, actor: Actor, address: str) -> None:
    """Mail a new confirmation link. Raises: Conflict("email_verified"), TooMany."""
    user = await ctx.users.get(actor.user_id)
    if user.address_to_verify is None:
        raise Conflict("email_verified", "Your email address is already confirmed.")
    await count_request(ctx, user)
    verification_links.send(ctx, user, client_network(address))


async def count_request(ctx: Context, user: User) -> None:
    """Count a mail that the account requested, and limit their number. Raises: TooMany."""
    limit = ctx.settings.auth.verification_mails_per_hour
    refuse_if_exceeded(await ctx.counters.hit(f"verify-account:{user.id}", limit, HOUR_S))


async def verify(ctx: Context, token: str, password: str, address: str, user_agent: str) -> identity.SignedIn:
    """Confirm the address of a mailed link, end all logins of the account and sign in.

    Raises: Gone("link_over") when the link was used, has expired or was replaced by a newer one;
    Forbidden("wrong_password"); Conflict("email_taken") when another account has confirmed the address; TooMany
    after too many wrong tokens from one IP address or wrong passwords for one link.
    """
    good = {
        "_id": tokens.subject_of(token),
        "verifyHash": tokens.hash_token(token),
        "verifyUntil": {"$gt": ctx.clock()},
        "active": True,
    }
    network, limit = client_network(address), ctx.settings.auth.attempts_per_minute
    user = await ctx.users.find_one(good)
    if user is None or user.address_to_verify is None:
        refuse_if_exceeded(await ctx.counters.hit(f"verify-guess:{network}", limit, MINUTE_S))
        raise _over()
    guesses = f"verify-password:{user.id}"
    refuse_if_exceeded(await ctx.counters.peek(guesses, limit, MINUTE_S))
    async with ctx.passwords.turn(network, known=True):
        refuse_if_exceeded(await ctx.counters.peek(guesses, limit, MINUTE_S))
        if not await ctx.passwords.matches(user.password_hash, password):
            await ctx.counters.hit(guesses, limit, MINUTE_S)
            fault = FieldError("password", "is wrong")
            raise Forbidden("wrong_password", "The password of this account is wrong.", [fault])
    changed = await confirm(ctx, user, {**good, "loginEpoch": user.login_epoch})
    if changed is None:
        raise _over()
    return await identity.sign_in(ctx, changed, user_agent)


async def confirm_by_operator(ctx: Context, user: User) -> User:
    """Confirm the address without a link and end all logins, for the command line.

    Raises: Conflict("email_verified" | "email_taken").
    """
    if user.address_to_verify is None:
        raise Conflict("email_verified", f"The address of {user.username} is already confirmed.")
    changed = await confirm(ctx, user, {"_id": user.id})
    if changed is None:
        raise Conflict("user_changed", "The account was changed in the meantime. Try again.")
    return changed


async def confirm(ctx: Context, user: User, where: dict[str, object]) -> User | None:
    """Confirm the address and end all logins, in one write. Return None when `where` no longer matches.

    When two accounts confirm the same address at once, one succeeds. Raises: Conflict("email_taken").
    """
    address = user.address_to_verify
    assert address is not None, "there is an address to confirm"
    same = {**where, "email": user.email, "pendingEmail": user.pending_email}
    fields = {**confirmed_address_fields(address), "rightsChangedAt": ctx.clock()}
    try:
        changed = await ctx.users.update_one(same, set=fields, inc={"loginEpoch": 1})
    except Conflict as conflict:
        if conflict.code != "email_taken":
            raise
        detail = "Another account has confirmed this address. Choose another address for this account."
        raise Conflict("email_taken", detail, conflict.errors) from None
    if changed is None:
        return None
    if user.email_verified and folded(user.email) != folded(address):
        ctx.mail.send(mail_templates.address_changed(ctx.settings, user, address, ctx.clock()))
    await revocations.rights_changed(ctx, changed)
    return changed


def confirmed_address_fields(address: str) -> dict[str, object]:
    """Return the fields that confirm `address` for an account and invalidate all links mailed before."""
    links = ("pendingEmail", "verifyHash", "verifyUntil", "verifyBy", "resetHash", "deviceLinkHash")
    return {"email": address, "emailFolded": folded(address), "emailVerified": True, **dict.fromkeys(links)}


def _over() -> Gone:
    return Gone(
        "link_over", "This link was already used, has expired or was replaced by a newer one. Request a new link."
    )
