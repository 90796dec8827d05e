"""How often somebody may try passwords, so that strangers neither guess one nor lock its owner out.

Unknown devices are under three counters of wrong passwords: of the account from one address (progressive
delays), of one address over all accounts (the same), and of the account from all unknown devices (a bound in an
hour, after which these must first be confirmed by a mailed link). A known device is under none of these, but
under one of its own: progressive delays, and after `DEVICE_GUESSES_A_DAY` wrong passwords in a day it is a
known device no more.

Accounts are counted by the name that was typed, and names without an account in the same way: what is refused
does not tell whether there is an account. The latter share a bounded number of keys, so that nobody multiplies
them.
"""

import asyncio
import hmac
from dataclasses import dataclass
from typing import Final

from mediaserver.base.errors import TooMany
from mediaserver.base.net.networks import client_network
from mediaserver.domain.accounts.devices import KnownDevice
from mediaserver.domain.accounts.users import User
from mediaserver.store.counters import Verdict
from mediaserver.usecases.context import Context
from mediaserver.usecases.login import devices

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86400
DEVICE_GUESSES_A_DAY: Final = 20
_FIRST_DELAY_S: Final = 2.0
_NAMES_WITHOUT_ACCOUNT: Final = 1 << 14
"""How many keys these share. With the default bound, all of them are full only after 1.6 million guesses an
hour."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to sign in, as it is counted."""

    account: str
    """From `account_key`, and the epoch."""
    network: str
    """The client's address, or its /64."""
    device: KnownDevice | None
    """The account's known device that tries."""


def attempt(ctx: Context, name: str, user: User | None, address: str, device: KnownDevice | None) -> Attempt:
    """`name` is folded. Counting begins anew with the person's login epoch, which another password begins: what
    was guessed before was the old one."""
    key = account_key(ctx.secrets.jwt_key, name, user is not None)
    return Attempt(f"{key}.{user.login_epoch if user else 0}", client_network(address), device)


def account_key(key: bytes, name: str, exists: bool) -> str:
    """Return under what attempts at the account of that name are counted. Nobody without `key` finds two names
    without an account that share one."""
    # No other text that is signed with the server's key begins with NUL.
    own = hmac.digest(key, b"\0login names", "sha256")
    digest = hmac.digest(own, name.encode("utf-8", "surrogatepass"), "sha256")
    return digest[:16].hex() if exists else f"none{int.from_bytes(digest[:8]) % _NAMES_WITHOUT_ACCOUNT}"


def delay_s(failures: int, free: int, longest_s: float) -> float:
    """Return how long the next try must wait after so many wrong passwords: doubled with each beyond `free`."""
    if failures < free:
        return 0.0
    return min(longest_s, _FIRST_DELAY_S * 2.0 ** min(failures - free, 30))


async def require_allowed(ctx: Context, one: Attempt) -> None:
    """Raises: TooMany("too_many") until a delay is over; TooMany("confirmation_required") when unknown devices
    must be confirmed by mail before they may try passwords of this account."""
    auth = ctx.settings.auth
    signed_in = ctx.counters.peek(f"login-success:{one.account}", auth.sign_ins_per_minute, MINUTE_S)
    if one.device is not None:
        for verdict in await asyncio.gather(signed_in, _delay(ctx, f"login-device-delay:{one.device.id}")):
            refuse_if_exceeded(verdict)
        return
    successes, all_unknown, pair, network = await asyncio.gather(
        signed_in,
        ctx.counters.peek(f"login-account:{one.account}", auth.account_failures_per_hour, HOUR_S),
        _delay(ctx, f"login-pair-delay:{_pair(one)}"),
        _delay(ctx, f"login-address-delay:{one.network}"),
    )
    if not all_unknown.allowed:
        detail = (
            "Too many wrong passwords were tried for this account. Confirm this device by mail, then sign in."
        )
        raise TooMany("confirmation_required", detail, all_unknown.retry_after_s)
    for verdict in (pair, network, successes):
        refuse_if_exceeded(verdict)


async def count_failure(ctx: Context, one: Attempt) -> None:
    """Count a wrong password, and begin the delays that follow from it."""
    auth, counters = ctx.settings.auth, ctx.counters
    if one.device is not None:
        in_an_hour = await counters.count(f"login-device:{one.device.id}", HOUR_S)
        await _begin_delay(ctx, f"login-device-delay:{one.device.id}", in_an_hour, auth.attempts_before_delay)
        if await counters.count(f"login-device-day:{one.device.id}", DAY_S) >= DEVICE_GUESSES_A_DAY:
            await devices.forget(ctx, one.device.id)
        return
    await counters.hit(f"login-account:{one.account}", auth.account_failures_per_hour, HOUR_S)
    of_pair = await counters.count(f"login-pair:{_pair(one)}", HOUR_S)
    await _begin_delay(ctx, f"login-pair-delay:{_pair(one)}", of_pair, auth.attempts_before_delay)
    of_address = await counters.count(f"login-address:{one.network}", HOUR_S)
    await _begin_delay(ctx, f"login-address-delay:{one.network}", of_address, auth.address_failures_per_hour)


async def count_success(ctx: Context, one: Attempt) -> None:
    """Each costs a hash too, so one account may not sign in without end."""
    await ctx.counters.hit(f"login-success:{one.account}", ctx.settings.auth.sign_ins_per_minute, MINUTE_S)


def refuse_if_exceeded(verdict: Verdict) -> None:
    if not verdict.allowed:
        raise TooMany("too_many", "Too many attempts. Try again later.", verdict.retry_after_s)


async def _delay(ctx: Context, key: str) -> Verdict:
    return await ctx.counters.peek(key, 1, ctx.settings.auth.max_delay_s)


async def _begin_delay(ctx: Context, key: str, failures: int, free: int) -> None:
    """A delay is a window of its length that takes one hit."""
    if wait_s := delay_s(failures, free, ctx.settings.auth.max_delay_s):
        await ctx.counters.hit(key, 1, wait_s)


def _pair(one: Attempt) -> str:
    return f"{one.account} {one.network}"
