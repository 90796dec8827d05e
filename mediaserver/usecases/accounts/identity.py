"""Who somebody is: register, sign in, refresh, sign out; roles and activity. Guesses are limited."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mediaserver.base.errors import Conflict, FieldError, Forbidden, Invalid, Unauthenticated
from mediaserver.base.faults import in_words
from mediaserver.base.ids import new_id
from mediaserver.base.net.networks import client_network
from mediaserver.domain.accounts.devices import KnownDevice
from mediaserver.domain.accounts.users import Login, Password, User, folded, is_login_email, unverified_key
from mediaserver.domain.documents.actor import Actor, Role
from mediaserver.usecases.accounts import registration, usernames, verification_links
from mediaserver.usecases.context import Context
from mediaserver.usecases.login import devices, login_attempts, refresh_rotation, revocations, tokens
from mediaserver.usecases.login.common_passwords import is_common
from mediaserver.usecases.login.login_attempts import HOUR_S, MINUTE_S, refuse_if_exceeded

_PASSWORD: TypeAdapter[str] = TypeAdapter(Password)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a client gets when it registers, signs in or refreshes."""

    user: User
    actor: Actor
    access_token: str
    expires_in_s: int
    refresh_token: str
    device_token: str | None = None
    """Of a device that became known just now."""


async def register(
    ctx: Context, username: str, email: str, password: str, address: str, user_agent: str = ""
) -> SignedIn:
    """Create an account for a student and sign in.

    Where addresses must be confirmed, the account is unverified and a link is mailed. The answer does not depend
    on whether another account has the address: then its owner gets a letter instead (`verification_links`).

    Raises: Forbidden("registration_closed"); TooMany; Invalid; Conflict("username_taken"), and
    Conflict("email_taken") where addresses need not be confirmed.
    """
    auth, network = ctx.settings.auth, client_network(address)
    registration.require_open(auth)
    refuse_if_exceeded(await ctx.counters.hit(f"register:{network}", auth.registrations_per_hour, HOUR_S))
    registration.require_allowed_domain(auth, email)
    usernames.refuse_reserved(ctx, username)
    verified = not auth.require_verified_email
    user = await create_user(ctx, username, email, password, "student", network, verified)
    if not verified:
        verification_links.send(ctx, user, network)
    return await sign_in(ctx, user, user_agent)


async def create_user(
    ctx: Context,
    username: str,
    email: str,
    password: str,
    role: Role,
    network: str = "",
    verified: bool = True,
) -> User:
    """Store an account with any role: for the command line, and for `register` underneath.

    Raises: Conflict("username_taken" | "email_taken"), the latter for verified accounts only; Invalid.
    """
    username = usernames.acceptable(username)
    # Before the costly hash, and naming both.
    await _refuse_taken(ctx, {"username": username} | ({"email": email} if verified else {}))
    stamp, names = ctx.stamp(), {"username": username, "email": email}
    derived = User.derived(names)
    if not verified:
        lifetime = timedelta(seconds=ctx.settings.auth.unverified_ttl_s)
        derived |= {
            "email_folded": unverified_key(stamp["id"]),
            "email_verified": False,
            "verify_by": stamp["created_at"] + lifetime,
        }
    user = User(
        **stamp,
        **names,
        **derived,
        password_hash="",
        role=role,
        join_date=stamp["created_at"],
        settled=True,
    )
    check_password(user, password)
    async with ctx.passwords.turn(network):
        password_hash = await ctx.passwords.hash(password)
    return await ctx.users.add(user.model_copy(update={"password_hash": password_hash}))


def check_password(user: User, password: str, field: str = "password") -> None:
    """Raises: Invalid naming `field` for a password that is too short, is one of the most common, or is the
    username or the email."""
    try:
        _PASSWORD.validate_python(password)
    except ValidationError as error:
        fault = in_words(error.errors()[0])
    else:
        if is_common(password):
            fault = "is one of the most common passwords: choose one that is harder to guess"
        elif user.refuses_password(password):
            fault = "must not be the username or the email"
        else:
            return
    raise Invalid("invalid", "this password cannot be used", [FieldError(field, fault)])


async def require_password(ctx: Context, actor: Actor, user: User, given: str, field: str) -> None:
    """Within a turn of the passwords, for what a stolen access token must not do. Guesses are limited for the
    login that the token belongs to: its owner may sign in anew and is not affected.

    Forbidden `wrong_password` naming `field`; TooMany.
    """
    key, limit = f"password:{actor.login_id}", ctx.settings.auth.attempts_per_minute
    refuse_if_exceeded(await ctx.counters.peek(key, limit, MINUTE_S))
    if not await ctx.passwords.matches(user.password_hash, given):
        await ctx.counters.hit(key, limit, MINUTE_S)
        raise Forbidden("wrong_password", "the present password is wrong", [FieldError(field, "is wrong")])


async def login(
    ctx: Context, name: str, password: str, address: str, user_agent: str = "", device_token: str = ""
) -> SignedIn:
    """Sign in by username or email; `device_token` is what this device got when it signed in before.

    Raises: Unauthenticated("wrong_login"), which tells neither which half was wrong nor whether the account
    exists; TooMany as in `login_attempts`; Unavailable("busy").
    """
    key = folded(name)
    user = await ctx.users.find_one({"emailFolded" if is_login_email(key) else "usernameFolded": key})
    device = await devices.recognise(ctx, user, device_token)
    one = login_attempts.attempt(ctx, key, user, address, device)
    await login_attempts.require_allowed(ctx, one)  # before it waits for a turn
    # Few at once, and counted before the next: many parallel guesses are not more than the same one by one.
    async with ctx.passwords.turn(one.network, known=device is not None):
        await login_attempts.require_allowed(ctx, one)
        fits = await ctx.passwords.matches(user.password_hash if user else None, password)
        await (login_attempts.count_success if fits else login_attempts.count_failure)(ctx, one)
        if user is not None and fits:
            await _upgrade_hash(ctx, user, password)
    if user is None or not fits:
        raise Unauthenticated("wrong_login", "the name or the password is wrong")
    return await sign_in(ctx, user, user_agent, device)


async def refresh(ctx: Context, token: str) -> SignedIn:
    """Return a new pair of tokens for the newest refresh token of a login, which is used up by that.

    The one before it is accepted again for a minute while its successor is unused, because the answer may have
    been lost; that successor becomes void. Any other token that was issued for this login earlier means that two
    clients hold the login, so it is revoked and its sockets end. A token that was never issued changes nothing: a
    login's id is no secret. Tokens from before they carried a MAC are recognised while their hash is stored.

    Raises: Unauthenticated("bad_refresh_token" | "deactivated" | "refresh_token_reused").
    """
    now, used = ctx.clock(), tokens.hash_token(token)
    login = await ctx.logins.find_one({"_id": tokens.subject_of(token)})
    if login is None or not _was_issued(ctx, login, token):
        raise _login_over()
    user = await ctx.users.find_one({"_id": login.user_id})
    if user is not None and not user.active:
        raise Unauthenticated("deactivated", "this account was deactivated")
    if user is None or not login.alive(user, now):
        raise _login_over()
    new_token, new_hash = tokens.new_refresh_token(ctx.secrets.jwt_key, login.id)
    if not await refresh_rotation.rotate(ctx, login, used, new_hash):
        await end_login(ctx, login)
        raise Unauthenticated("refresh_token_reused", "this token was used before: the login was ended")
    return _signed_in(ctx, user, login, new_token, await _device_of_old_login(ctx, user, login))


async def logout(ctx: Context, token: str) -> None:
    """End the login of a refresh token and its sockets; nothing happens when it is over already.

    A token that was used up will do, since its reuse would end the login too: the client may not have got the
    answer with the newest one.
    """
    login = await ctx.logins.find_one({"_id": tokens.subject_of(token)})
    if login is not None and _was_issued(ctx, login, token):
        await end_login(ctx, login)


async def authenticate(ctx: Context, token: str) -> Actor:
    """Whom an access token names. Unauthenticated when it is forged, expired, revoked or its user deactivated."""
    now = ctx.clock()
    if known := ctx.tokens.recall(token, now):
        return known
    user_id, login_id, expires = ctx.tokens.verify(token, now)
    while True:
        revision = ctx.tokens.revision
        login = await ctx.logins.find_one({"_id": login_id})
        user = await ctx.users.find_one({"_id": user_id})
        if revision == ctx.tokens.revision:
            break  # else something ended meanwhile, perhaps this: what was read may be old
    if login is None or user is None or not login.alive(user, now):
        raise Unauthenticated("unauthenticated", "this login is over; sign in again")
    # The role is the user's present one: a token outlives a change of role.
    actor = _actor(ctx, user, login)
    ctx.tokens.remember(token, expires, actor, revision, now)
    return actor


async def set_role(ctx: Context, user_id: str, role: Role) -> User:
    user = await ctx.users.get(user_id)
    if user.role == role:
        return user
    changed = await ctx.users.update(user_id, set={"role": role, "rightsChangedAt": ctx.clock()})
    await revocations.rights_changed(ctx, changed)
    return changed


async def set_active(ctx: Context, user_id: str, active: bool) -> User:
    """Deactivating ends all logins, sockets and media of the person; activating lets them sign in again."""
    if active:
        return await ctx.users.update(user_id, set={"active": True})
    return await end_all_logins(
        ctx, user_id, {"active": False, "resetHash": None, "deviceLinkHash": None, "verifyHash": None}
    )


async def end_login(ctx: Context, login: Login) -> None:
    await ctx.logins.update_one({"_id": login.id, "revokedAt": None}, set={"revokedAt": ctx.clock()})
    revocations.login_ended(ctx, login)


async def end_all_logins(ctx: Context, user_id: str, changes: Mapping[str, Any] | None = None) -> User:
    """Sign a person out everywhere, in one write with `changes` to them. NotFound."""
    fields = {**(changes or {}), "rightsChangedAt": ctx.clock()}
    user = await ctx.users.update(user_id, set=fields, inc={"loginEpoch": 1}, edits=bool(changes))
    await revocations.rights_changed(ctx, user)
    return user


async def sign_in(ctx: Context, user: User, user_agent: str, device: KnownDevice | None = None) -> SignedIn:
    """Begin a login of someone who proved who they are.

    Forbidden `deactivated`; Unauthenticated when all logins ended since `user` was read."""
    now, login_id, device_token = ctx.clock(), new_id(), None
    if not user.active:
        raise Forbidden("deactivated", "this account was deactivated")
    if device is None:
        device, device_token = await devices.remember(ctx, user, user_agent)
    else:
        await devices.mark_used(ctx, device, user_agent)
    token, token_hash = tokens.new_refresh_token(ctx.secrets.jwt_key, login_id)
    login = Login(
        id=login_id,
        created_at=now,
        updated_at=now,
        user_id=user.id,
        device_id=device.id,
        token_hash=token_hash,
        last_used_at=now,
        expires_at=now + refresh_rotation.life(ctx),
        epoch=user.login_epoch,
        user_agent=user_agent,
    )
    await ctx.logins.add(login)
    user = await ctx.users.update(user.id, set={"lastLogin": now}, edits=False)
    if not login.alive(user, now):
        await end_login(ctx, login)
        raise Unauthenticated("wrong_login", "the name or the password is wrong")
    return _signed_in(ctx, user, login, token, device_token)


async def _upgrade_hash(ctx: Context, user: User, password: str) -> None:
    """Hash a password that was just proved right with the present parameters, where its hash has others.

    Another password that was set meanwhile stays.
    """
    if ctx.passwords.is_outdated(user.password_hash):
        upgraded = await ctx.passwords.hash(password)
        same = {"_id": user.id, "passwordHash": user.password_hash}
        await ctx.users.update_one(same, set={"passwordHash": upgraded}, edits=False)


def _signed_in(
    ctx: Context, user: User, login: Login, refresh_token: str, device_token: str | None = None
) -> SignedIn:
    actor = _actor(ctx, user, login)
    access_token = ctx.tokens.issue(actor, ctx.clock())
    return SignedIn(user, actor, access_token, ctx.tokens.ttl_s, refresh_token, device_token)


def _actor(ctx: Context, user: User, login: Login) -> Actor:
    verified = user.email_verified or not ctx.settings.auth.require_verified_email
    return Actor(user.id, user.username, user.role, login.id, verified, login.epoch)


async def _refuse_taken(ctx: Context, names: Mapping[str, str]) -> None:
    taken = [name for name, value in names.items() if await ctx.users.exists({f"{name}Folded": folded(value)})]
    if "username" in names and "username" not in taken and await usernames.looks_taken(ctx, names["username"]):
        taken.insert(0, "username")
    if taken:
        faults = [FieldError(name, "is taken") for name in taken]
        raise Conflict(f"{taken[0]}_taken", f"this {taken[0]} is taken", faults)


def _was_issued(ctx: Context, login: Login, token: str) -> bool:
    """Whether this server issued the token for this login. `token` names the login."""
    known = tokens.hash_token(token) in (login.token_hash, login.previous_hash)
    return known or tokens.was_issued(ctx.secrets.jwt_key, token)


async def _device_of_old_login(ctx: Context, user: User, login: Login) -> str | None:
    """Make the device of a login from before devices were known a known one; return its token."""
    if login.device_id is not None:
        return None
    device, token = await devices.remember(ctx, user, login.user_agent)
    await ctx.logins.update_one({"_id": login.id}, set={"deviceId": device.id})
    return token


def _login_over() -> Unauthenticated:
    return Unauthenticated("bad_refresh_token", "this login is over; sign in again")
