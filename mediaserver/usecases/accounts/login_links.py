"""Mail links that make a device known, so that a new device can sign in while an account is under attack.

A link does not replace the password. It works once, within an hour, until a newer one is sent. Anyone can request
links, so the number of mails per account is limited; the newest link keeps working when the limit is reached.
"""

from datetime import timedelta
from typing import Final

from mediaserver.base.errors import Gone
from mediaserver.base.net.networks import client_network
from mediaserver.domain.accounts.users import VERIFIED, User, folded, is_login_email
from mediaserver.store.mail import MailMessage
from mediaserver.usecases.context import Context
from mediaserver.usecases.login import devices, mail_templates, tokens
from mediaserver.usecases.login.login_attempts import HOUR_S, MINUTE_S, refuse_if_exceeded

LINK_MINUTES: Final = 60
_FROM_ONE_ADDRESS: Final = 10
"""Limit per IP address, as a multiple of the limit per account: a school may share one address."""


async def ask(ctx: Context, login: str, address: str) -> None:
    """Mail a link to the user with this username or email address, if there is one.

    The user is looked up in the background, so neither the response nor its timing reveals whether the account
    exists. Raises: TooMany when one IP address sends too many requests.
    """
    network, limit = client_network(address), ctx.settings.auth.login_links_per_hour
    from_here = await ctx.counters.hit(f"login-link-address:{network}", limit * _FROM_ONE_ADDRESS, HOUR_S)
    refuse_if_exceeded(from_here)
    key = folded(login)
    ctx.mail.send_composed(lambda: _compose(ctx, key))


async def confirm(ctx: Context, token: str, address: str, user_agent: str) -> tuple[User, str]:
    """Make the device that opened the link known. Return the user and the device token.

    Raises: Gone("link_over") when the link was used, has expired or was replaced; TooMany.
    """
    good = {
        "_id": tokens.subject_of(token),
        "deviceLinkHash": tokens.hash_token(token),
        "deviceLinkUntil": {"$gt": ctx.clock()},
        "active": True,
    }
    user = await ctx.users.update_one(good, set={"deviceLinkHash": None}, edits=False)
    if user is None:
        limit = ctx.settings.auth.attempts_per_minute
        refuse_if_exceeded(await ctx.counters.hit(f"login-link-guess:{client_network(address)}", limit, MINUTE_S))
        raise Gone("link_over", "This link was already used or has expired. Request a new one.")
    _, device_token = await devices.remember(ctx, user, user_agent)
    return user, device_token


async def _compose(ctx: Context, key: str) -> MailMessage | None:
    name = "emailFolded" if is_login_email(key) else "usernameFolded"
    user = await ctx.users.find_one({name: key, "active": True, **VERIFIED})
    limit = ctx.settings.auth.login_links_per_hour
    if user is None or not (await ctx.counters.hit(f"login-link:{user.id}", limit, HOUR_S)).allowed:
        return None
    token, token_hash = tokens.new_token(user.id)
    until = ctx.clock() + timedelta(minutes=LINK_MINUTES)
    await ctx.users.update(user.id, set={"deviceLinkHash": token_hash, "deviceLinkUntil": until}, edits=False)
    return mail_templates.confirm_device(ctx.settings, user, token, LINK_MINUTES)
