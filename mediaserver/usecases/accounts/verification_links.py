"""Mail confirmation links, or a notice to the owner when the address belongs to another account.

Which of the two is sent is decided in the background, so a request does not reveal whether an address has an
account. A link works once, for `auth.verification_ttl_s` seconds, until a newer one is sent.
"""

from datetime import timedelta
from typing import Final

from mediaserver.domain.accounts.users import User, folded
from mediaserver.store.mail import MailMessage
from mediaserver.usecases.context import Context
from mediaserver.usecases.login import mail_templates, tokens
from mediaserver.usecases.login.login_attempts import HOUR_S, account_key

_FROM_ALL: Final = 4
"""Limit of mails to one mailbox from all networks, as a multiple of `auth.verification_mails_per_hour`."""


def send(ctx: Context, user: User, network: str) -> None:
    """Queue the mail for the address that `user` has to confirm. `network` identifies the client's network."""
    ctx.mail.send_composed(lambda: _compose(ctx, user.id, network))


async def _compose(ctx: Context, user_id: str, network: str) -> MailMessage | None:
    user = await ctx.users.find_one({"_id": user_id, "active": True})
    if user is None or (address := user.address_to_verify) is None:
        return None
    if not await _may_get_another(ctx, address, network):
        return None
    owner = await ctx.users.find_one({"emailFolded": folded(address)})
    if owner is not None and owner.id != user.id:
        return mail_templates.address_in_use(ctx.settings, owner)
    token, token_hash = tokens.new_token(user.id)
    until = ctx.clock() + timedelta(seconds=ctx.settings.auth.verification_ttl_s)
    # The link is bound to the address: after a concurrent change it must not confirm a different one.
    same = {"_id": user.id, "email": user.email, "pendingEmail": user.pending_email}
    if await ctx.users.update_one(same, set={"verifyHash": token_hash, "verifyUntil": until}, edits=False):
        return mail_templates.verify_address(ctx.settings, address, token, until)
    return None


async def _may_get_another(ctx: Context, address: str, network: str) -> bool:
    """Count a mail to a mailbox; return False when the limit is reached.

    The limit per network is lower than the one for all networks, so that strangers who enter an address cannot
    use up the mails of its owner.
    """
    limit = ctx.settings.auth.verification_mails_per_hour
    mailbox = account_key(ctx.secrets.jwt_key, folded(address), exists=True)
    if not (await ctx.counters.hit(f"verify-pair:{mailbox} {network}", limit, HOUR_S)).allowed:
        return False
    return (await ctx.counters.hit(f"verify-mailbox:{mailbox}", limit * _FROM_ALL, HOUR_S)).allowed
