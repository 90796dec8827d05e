"""Limit password attempts, so that attackers can neither guess a password nor lock the owner out.

Wrong passwords from unknown devices count towards three limits: per account and address (progressive delays), per
address over all accounts (progressive delays), and per account over all unknown devices (an hourly limit, after
which a new device must first be confirmed with a mailed link). Known devices only have a limit of their own:
progressive delays, and after `DEVICE_GUESSES_A_DAY` wrong passwords in a day the device is forgotten.

Attempts are counted by the name that was entered, whether or not the account exists, so that refusals do not
reveal it. Names without an account share a fixed number of keys, which bounds memory.
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
"""Number of keys shared by names without an account. At the default limit, it takes 1.6 million attempts an hour
to exhaust all of them."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The keys under which a sign-in attempt is counted."""

    account: str
    """The result of `account_key` and the login epoch."""
    network: str
    """The IPv4 address of the client, or its IPv6 /64 network."""
    device: KnownDevice | None
    """The known device that makes the attempt, if any."""


def attempt(ctx: Context, name: str, user: User | None, address: str, device: KnownDevice | None) -> Attempt:
    """Return the keys of an attempt to sign in as the folded `name`.

    Counting restarts with each login epoch, because a new password starts a new one.
    """
    key = account_key(ctx.secrets.jwt_key, name, user is not None)
    return Attempt(f"{key}.{user.login_epoch if user else 0}", client_network(address), device)


def account_key(key: bytes, name: str, exists: bool) -> str:
    """Return the key for counting attempts at this account.

    Without `key`, an attacker cannot find two unknown names that share a key.
    """
    # No other text that is signed with the server's key begins with NUL.
    own = hmac.digest(key, b"\0login names", "sha256")
    digest = hmac.digest(own, name.encode("utf-8", "surrogatepass"), "sha256")
    return digest[:16].hex() if exists else f"none{int.from_bytes(digest[:8]) % _NAMES_WITHOUT_ACCOUNT}"


def delay_s(failures: int, free: int, longest_s: float) -> float:
    """Return the delay in seconds before the next attempt; it doubles with each failure beyond `free`."""
    if failures < free:
        return 0.0
    return min(longest_s, _FIRST_DELAY_S * 2.0 ** min(failures - free, 30))


async def require_allowed(ctx: Context, one: Attempt) -> None:
    """Refuse an attempt that is over a limit.

    Raises: TooMany("too_many") during a delay; TooMany("confirmation_required") when an unknown device must be
    confirmed by mail first.
    """
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
    """Count a wrong password and start the resulting delays."""
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
    """Count a successful sign-in: these are limited too, because each costs a hash."""
    await ctx.counters.hit(f"login-success:{one.account}", ctx.settings.auth.sign_ins_per_minute, MINUTE_S)


def refuse_if_exceeded(verdict: Verdict) -> None:
    """Raises: TooMany when the limit was reached."""
    if not verdict.allowed:
        raise TooMany("too_many", "Too many attempts. Try again later.", verdict.retry_after_s)


async def _delay(ctx: Context, key: str) -> Verdict:
    return await ctx.counters.peek(key, 1, ctx.settings.auth.max_delay_s)


async def _begin_delay(ctx: Context, key: str, failures: int, free: int) -> None:
    """Start a delay, stored as a counter window of that length with a limit of one."""
    if wait_s := delay_s(failures, free, ctx.settings.auth.max_delay_s):
        await ctx.counters.hit(key, 1, wait_s)


def _pair(one: Attempt) -> str:
    return f"{one.account} {one.network}"
