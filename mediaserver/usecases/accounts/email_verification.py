"""Confirming an email address with a mailed link and the password, and what an account may do before that.

Several accounts may wait for one address; the first to confirm it has it, by the unique index. The password keeps
both sides safe: who registered with somebody else's address does not get into an account that its owner confirms,
because all logins end; and who opens a link that they did not ask for confirms nothing.
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
    """The gate of both shells: raises Forbidden("email_unverified") until the address of `actor` is confirmed."""
    if not actor.verified:
        detail = (
            "Confirm your email address first: open the link that was mailed to you, or have another one sent."
        )
        raise Forbidden("email_unverified", detail)


async def resend(ctx: Context, actor: Actor, address: str) -> None:
    """Mail another link for the address to confirm. Raises: Conflict("email_verified"), TooMany."""
    user = await ctx.users.get(actor.user_id)
    if user.address_to_verify is None:
        raise Conflict("email_verified", "Your email address is confirmed already.")
    await count_request(ctx, user)
    verification_links.send(ctx, user, client_network(address))


async def count_request(ctx: Context, user: User) -> None:
    """Count a letter that the account asks for: nobody writes to any number of mailboxes. Raises: TooMany."""
    limit = ctx.settings.auth.verification_mails_per_hour
    refuse_if_exceeded(await ctx.counters.hit(f"verify-account:{user.id}", limit, HOUR_S))


async def verify(ctx: Context, token: str, password: str, address: str, user_agent: str) -> identity.SignedIn:
    """Confirm the address that a mailed link was for, end all logins of the account, and sign in anew.

    Raises: Gone("link_over") when the link was used, is too old, or has a newer one; Forbidden("wrong_password");
    Conflict("email_taken") when another account has confirmed the address; TooMany for many wrong tokens from one
    address, or many wrong passwords with one account's link.
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
    """Confirm the address without a link, for the command line; ends all logins.

    Raises: Conflict("email_verified" | "email_taken").
    """
    if user.address_to_verify is None:
        raise Conflict("email_verified", f"The address of {user.username} is confirmed already.")
    changed = await confirm(ctx, user, {"_id": user.id})
    if changed is None:
        raise Conflict("user_changed", "The account changed meanwhile. Try again.")
    return changed


async def confirm(ctx: Context, user: User, where: dict[str, object]) -> User | None:
    """Put the address in force and end all logins, in one write; None when the account is not as `where` says.

    Of two accounts that confirm one address at once, one does. Raises: Conflict("email_taken").
    """
    address = user.address_to_verify
    assert address is not None, "there is an address to confirm"
    same = {**where, "email": user.email, "pendingEmail": user.pending_email}
    fields = {**in_force(address), "rightsChangedAt": ctx.clock()}
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


def in_force(address: str) -> dict[str, object]:
    """What changes in an account when an address becomes its own: links that were sent before are over."""
    links = ("pendingEmail", "verifyHash", "verifyUntil", "verifyBy", "resetHash", "deviceLinkHash")
    return {"email": address, "emailFolded": folded(address), "emailVerified": True, **dict.fromkeys(links)}


def _over() -> Gone:
    return Gone("link_over", "This link was used, is too old, or there is a newer one. Have another one sent.")
