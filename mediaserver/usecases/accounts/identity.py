"""Register, sign in, refresh tokens and sign out; change roles and deactivate accounts. Attempts are limited."""

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
    """The result of registering, signing in or refreshing."""

    user: User
    actor: Actor
    access_token: str
    expires_in_s: int
    refresh_token: str
    device_token: str | None = None
    """The token of a device that has just become known."""


async def register(
    ctx: Context, username: str, email: str, password: str, address: str, user_agent: str = ""
) -> SignedIn:
    """Create a student account and sign in to it.

    Where addresses must be confirmed, the account is unverified and a link is mailed. The response does not
    reveal whether another account has the address: in that case its owner is notified instead
    (`verification_links`).

    Raises: Forbidden("registration_closed"); TooMany; Invalid; Conflict("username_taken");
    Conflict("email_taken") only where addresses need not be confirmed.
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
    """Create an account with any role, for `register` and the command line.

    Raises: Conflict("username_taken"); Conflict("email_taken") for verified accounts only; Invalid.
    """
    username = usernames.acceptable(username)
    # Checked before the expensive hash, and reported together.
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
    """Check a new password.

    Raises: Invalid for `field` when it is too short, very common, or equal to the username or email address.
    """
    try:
        _PASSWORD.validate_python(password)
    except ValidationError as error:
        fault = in_words(error.errors()[0])
    else:
        if is_common(password):
            fault = "is one of the most common passwords; choose one that is harder to guess"
        elif user.refuses_password(password):
            fault = "must not be the username or the email"
        else:
            return
    raise Invalid("invalid", "This password cannot be used.", [FieldError(field, fault)])


async def require_password(ctx: Context, actor: Actor, user: User, given: str, field: str) -> None:
    """Require the password for actions that a stolen access token alone must not allow.

    The caller must hold a hashing turn. Attempts are limited per login, so the owner can sign in again and is not
    affected. Raises: Forbidden("wrong_password") for `field`; TooMany.
    """
    key, limit = f"password:{actor.login_id}", ctx.settings.auth.attempts_per_minute
    refuse_if_exceeded(await ctx.counters.peek(key, limit, MINUTE_S))
    if not await ctx.passwords.matches(user.password_hash, given):
        await ctx.counters.hit(key, limit, MINUTE_S)
        raise Forbidden("wrong_password", "The current password is wrong.", [FieldError(field, "is wrong")])


async def login(
    ctx: Context, name: str, password: str, address: str, user_agent: str = "", device_token: str = ""
) -> SignedIn:
    """Sign in with a username or email address. `device_token` identifies a known device.

    Raises: Unauthenticated("wrong_login"), which reveals neither which part was wrong nor whether the account
    exists; TooMany as in `login_attempts`; Unavailable("busy").
    """
    key = folded(name)
    user = await ctx.users.find_one({"emailFolded" if is_login_email(key) else "usernameFolded": key})
    device = await devices.recognize(ctx, user, device_token)
    one = login_attempts.attempt(ctx, key, user, address, device)
    await login_attempts.require_allowed(ctx, one)  # before waiting for a hashing turn
    # Checked again within the turn, so that parallel attempts count like sequential ones.
    async with ctx.passwords.turn(one.network, known=device is not None):
        await login_attempts.require_allowed(ctx, one)
        fits = await ctx.passwords.matches(user.password_hash if user else None, password)
        await (login_attempts.count_success if fits else login_attempts.count_failure)(ctx, one)
        if user is not None and fits:
            await _upgrade_hash(ctx, user, password)
    if user is None or not fits:
        raise Unauthenticated("wrong_login", "The username or password is wrong.")
    return await sign_in(ctx, user, user_agent, device)


async def refresh(ctx: Context, token: str) -> SignedIn:
    """Exchange the newest refresh token of a login for a new pair of tokens.

    The previous token is accepted again for a minute while its successor is unused, because the response may have
    been lost; that successor then becomes invalid. Any older issued token means that two clients use the login,
    so it is revoked and its sockets are closed. A token that was never issued has no effect, since login ids are
    not secret. Tokens issued before MACs were introduced are recognized while their hash is stored.

    Raises: Unauthenticated("bad_refresh_token" | "deactivated" | "refresh_token_reused").
    """
    now, used = ctx.clock(), tokens.hash_token(token)
    login = await ctx.logins.find_one({"_id": tokens.subject_of(token)})
    if login is None or not _was_issued(ctx, login, token):
        raise _login_over()
    user = await ctx.users.find_one({"_id": login.user_id})
    if user is not None and not user.active:
        raise Unauthenticated("deactivated", "This account is deactivated. Contact the administrator.")
    if user is None or not login.alive(user, now):
        raise _login_over()
    new_token, new_hash = tokens.new_refresh_token(ctx.secrets.jwt_key, login.id)
    if not await refresh_rotation.rotate(ctx, login, used, new_hash):
        await end_login(ctx, login)
        raise Unauthenticated(
            "refresh_token_reused", "This refresh token was already used, so the login was ended. Sign in again."
        )
    return _signed_in(ctx, user, login, new_token, await _device_of_old_login(ctx, user, login))


async def logout(ctx: Context, token: str) -> None:
    """End the login of a refresh token and close its sockets. Has no effect when it has already ended.

    A used token is accepted too, since the client may not have received the newest one.
    """
    login = await ctx.logins.find_one({"_id": tokens.subject_of(token)})
    if login is not None and _was_issued(ctx, login, token):
        await end_login(ctx, login)


async def authenticate(ctx: Context, token: str) -> Actor:
    """Return the actor of an access token.

    Raises: Unauthenticated when it is forged, expired or revoked, or the account is deactivated.
    """
    now = ctx.clock()
    if known := ctx.tokens.recall(token, now):
        return known
    user_id, login_id, expires = ctx.tokens.verify(token, now)
    while True:
        revision = ctx.tokens.revision
        login = await ctx.logins.find_one({"_id": login_id})
        user = await ctx.users.find_one({"_id": user_id})
        if revision == ctx.tokens.revision:
            break  # otherwise a token was revoked during the reads, so their results may be stale
    if login is None or user is None or not login.alive(user, now):
        raise Unauthenticated("unauthenticated", "Your login has ended. Sign in again.")
    # Use the current role of the user: a token outlives a change of role.
    actor = _actor(ctx, user, login)
    ctx.tokens.remember(token, expires, actor, revision, now)
    return actor


async def set_role(ctx: Context, user_id: str, role: Role) -> User:
    """Change the role of a user; it applies to existing logins at once. Raises: NotFound."""
    user = await ctx.users.get(user_id)
    if user.role == role:
        return user
    changed = await ctx.users.update(user_id, set={"role": role, "rightsChangedAt": ctx.clock()})
    await revocations.rights_changed(ctx, changed)
    return changed


async def set_active(ctx: Context, user_id: str, active: bool) -> User:
    """Activate or deactivate an account. Deactivating ends all of its logins, sockets and media."""
    if active:
        return await ctx.users.update(user_id, set={"active": True})
    return await end_all_logins(
        ctx, user_id, {"active": False, "resetHash": None, "deviceLinkHash": None, "verifyHash": None}
    )


async def end_login(ctx: Context, login: Login) -> None:
    """End a login and close its sockets."""
    await ctx.logins.update_one({"_id": login.id, "revokedAt": None}, set={"revokedAt": ctx.clock()})
    revocations.login_ended(ctx, login)


async def end_all_logins(ctx: Context, user_id: str, changes: Mapping[str, Any] | None = None) -> User:
    """Sign a user out everywhere and apply `changes` to the account, in one write. Raises: NotFound."""
    fields = {**(changes or {}), "rightsChangedAt": ctx.clock()}
    user = await ctx.users.update(user_id, set=fields, inc={"loginEpoch": 1}, edits=bool(changes))
    await revocations.rights_changed(ctx, user)
    return user


async def sign_in(ctx: Context, user: User, user_agent: str, device: KnownDevice | None = None) -> SignedIn:
    """Create a login for an authenticated user.

    Raises: Forbidden("deactivated"); Unauthenticated when all logins were ended since `user` was read.
    """
    now, login_id, device_token = ctx.clock(), new_id(), None
    if not user.active:
        raise Forbidden("deactivated", "This account is deactivated. Contact the administrator.")
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
        raise Unauthenticated("wrong_login", "The username or password is wrong.")
    return _signed_in(ctx, user, login, token, device_token)


async def _upgrade_hash(ctx: Context, user: User, password: str) -> None:
    """Rehash a password that was just verified when its hash uses outdated parameters.

    A password that was changed at the same time is kept.
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
        noun = "username" if taken[0] == "username" else "email address"
        raise Conflict(f"{taken[0]}_taken", f"This {noun} is taken. Choose another one.", faults)


def _was_issued(ctx: Context, login: Login, token: str) -> bool:
    """Return whether this server issued `token` for this login. The token contains the id of the login."""
    known = tokens.hash_token(token) in (login.token_hash, login.previous_hash)
    return known or tokens.was_issued(ctx.secrets.jwt_key, token)


async def _device_of_old_login(ctx: Context, user: User, login: Login) -> str | None:
    """Register the device of a login that predates known devices, and return its token."""
    if login.device_id is not None:
        return None
    device, token = await devices.remember(ctx, user, login.user_agent)
    await ctx.logins.update_one({"_id": login.id}, set={"deviceId": device.id})
    return token


def _login_over() -> Unauthenticated:
    return Unauthenticated("bad_refresh_token", "Your login has ended. Sign in again.")
