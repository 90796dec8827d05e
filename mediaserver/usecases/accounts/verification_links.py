"""Mailed links that confirm an email address, and letters to its owner when the address is another account's.

Which of the two is sent is decided when the letter is written, beside the request: whoever asks learns nothing
about the address. Links work once, for `auth.verification_ttl_s`, and until a newer one is sent.
"""

from datetime import timedelta
from typing import Final

from mediaserver.domain.accounts.users import User, folded
from mediaserver.store.mail import MailMessage
from mediaserver.usecases.context import Context
from mediaserver.usecases.login import mail_templates, tokens
from mediaserver.usecases.login.login_attempts import HOUR_S, account_key

_FROM_ALL: Final = 4
"""Times `auth.verification_mails_per_hour` that one mailbox gets on account of all addresses of the network."""


def send(ctx: Context, user: User, network: str) -> None:
    """Queue the letter about the address that `user` has to confirm. `network` is where it was asked for."""
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
    # Bound to the address: when that has changed meanwhile, the link must not confirm the other one.
    same = {"_id": user.id, "email": user.email, "pendingEmail": user.pending_email}
    if await ctx.users.update_one(same, set={"verifyHash": token_hash, "verifyUntil": until}, edits=False):
        return mail_templates.verify_address(ctx.settings, address, token, until)
    return None


async def _may_get_another(ctx: Context, address: str, network: str) -> bool:
    """Count a letter to a mailbox. Strangers who register with an address from elsewhere use up less than what
    its owner has left."""
    limit = ctx.settings.auth.verification_mails_per_hour
    mailbox = account_key(ctx.secrets.jwt_key, folded(address), exists=True)
    if not (await ctx.counters.hit(f"verify-pair:{mailbox} {network}", limit, HOUR_S)).allowed:
        return False
    return (await ctx.counters.hit(f"verify-mailbox:{mailbox}", limit * _FROM_ALL, HOUR_S)).allowed
