"""`/auth`: register, sign in, refresh, sign out, passwords, devices."""

from typing import Annotated, Any

from pydantic import Field

from mediaserver.api.declarations.bodies import SMALL_BODY, Body
from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Accepts, Returns
from mediaserver.api.declarations.pagination import PageQuery, page
from mediaserver.api.declarations.views import (
    ConfirmedDeviceView,
    DeviceView,
    LoginView,
    RegistrationView,
    SignedInView,
    UserView,
)
from mediaserver.domain.accounts.devices import KnownDevice
from mediaserver.domain.accounts.users import Login as LoginDocument
from mediaserver.domain.accounts.users import NewEmail, Password, Username
from mediaserver.usecases.accounts import (
    email_addresses,
    email_verification,
    identity,
    login_links,
    logins,
    password_changes,
)
from mediaserver.usecases.login import devices
from mediaserver.usecases.representation import profiles

_TAG = "Identity"
_AGENT_CHARS = 200

Name = Annotated[str, Field(min_length=1, max_length=254, description="Username or email.")]


class Register(Body):
    username: Username
    email: NewEmail
    password: Password


class Login(Body):
    login: Name
    password: Annotated[str, Field(min_length=1, max_length=256)]
    device_token: Annotated[
        str,
        Field(
            max_length=200,
            description="The token that this device received at an earlier sign-in to the account.",
        ),
    ] = ""


class Refresh(Body):
    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


class ChangePassword(Body):
    current_password: Annotated[str, Field(min_length=1, max_length=256)]
    new_password: Password


class ChangeEmail(Body):
    password: Annotated[str, Field(min_length=1, max_length=256, description="The current password.")]
    email: NewEmail


class VerifyEmail(Body):
    token: Annotated[str, Field(min_length=1, max_length=200, description="The token from the mailed link.")]
    password: Annotated[str, Field(min_length=1, max_length=256, description="The password of the account.")]


class AskReset(Body):
    login: Name


class ConfirmReset(Body):
    token: Annotated[str, Field(min_length=1, max_length=200, description="The token from the mailed link.")]
    password: Password


class AskLink(Body):
    login: Name


class ConfirmLink(Body):
    token: Annotated[str, Field(min_length=1, max_length=200, description="The token from the mailed link.")]


async def _registration(call: Call) -> Answer:
    """Return whether people can create accounts by themselves, and with which email addresses."""
    auth = call.context.settings.auth
    return Answer(
        {
            "open": auth.registration == "open",
            "emailDomains": list(auth.email_domains),
            "requiresVerifiedEmail": auth.require_verified_email,
        }
    )


async def _register(call: Call) -> Answer:
    """Create an account with the role `student` and sign in to it. Returns the access token, the refresh token
    and the user.
    """
    body: Register = call.body
    signed_in = await identity.register(
        call.context, body.username, body.email, body.password, call.address, _user_agent(call)
    )
    return await _signed_in(call, signed_in, location=f"/users/{signed_in.user.id}")


async def _login(call: Call) -> Answer:
    """Sign in with a username or an email address and a password. Returns an access token, which lives for
    minutes, and a refresh token, which lives for weeks. A `deviceToken` that this device got earlier exempts
    it from the delays that wrong passwords of strangers cause.
    """
    body: Login = call.body
    signed_in = await identity.login(
        call.context, body.login, body.password, call.address, _user_agent(call), body.device_token
    )
    return await _signed_in(call, signed_in)


async def _refresh(call: Call) -> Answer:
    """Exchange a refresh token for a new access token and a new refresh token. Each refresh token works once; the
    newest but one is accepted again for a minute, in case its answer was lost. Any older one ends the login.
    """
    body: Refresh = call.body
    return await _signed_in(call, await identity.refresh(call.context, body.refresh_token))


async def _logout(call: Call) -> Answer:
    """End the login that the refresh token belongs to. Its access tokens stop working at once."""
    body: Refresh = call.body
    await identity.logout(call.context, body.refresh_token)
    return Answer()


async def _logout_all(call: Call) -> Answer:
    """End every login of the signed-in user on all devices, including the one that makes this request."""
    await identity.end_all_logins(call.context, call.actor.user_id)
    return Answer()


async def _logins(call: Call) -> Answer:
    """Return a page of the devices on which the signed-in user is signed in."""
    found = await logins.page(call.context, call.actor, call.query.limit, call.query.cursor)
    return page([_login_wire(call, login) for login in found.items], found.next_cursor)


async def _end_login(call: Call) -> Answer:
    """Sign out one device of the signed-in user."""
    await logins.end(call.context, call.actor, call.id())
    return Answer()


async def _devices(call: Call) -> Answer:
    """Return a page of the devices that the account knows. Known devices are exempt from the delays that wrong
    passwords of strangers cause.
    """
    found = await devices.page(call.context, call.actor, call.query.limit, call.query.cursor)
    current = await logins.current_device(call.context, call.actor)
    return page([_device_wire(device, current) for device in found.items], found.next_cursor)


async def _forget_device(call: Call) -> Answer:
    """Remove a device from the known ones and end its logins."""
    await logins.forget_device(call.context, call.actor, call.id())
    return Answer()


async def _ask_link(call: Call) -> Answer:
    """Send a mail with a link that makes the device on which it is opened a known one. The answer is the same
    whether or not there is such an account.
    """
    body: AskLink = call.body
    await login_links.ask(call.context, body.login, call.address)
    return Answer()


async def _confirm_link(call: Call) -> Answer:
    """Make this device a known one with the token from the mailed link. Returns a `deviceToken` to send when
    signing in.
    """
    body: ConfirmLink = call.body
    user, token = await login_links.confirm(call.context, body.token, call.address, _user_agent(call))
    return Answer({"deviceToken": token, "userId": user.id, "username": user.username, "email": user.email})


async def _change_password(call: Call) -> Answer:
    """Change the password of the signed-in user. All other logins end."""
    body: ChangePassword = call.body
    await password_changes.change(call.context, call.actor, body.current_password, body.new_password)
    return Answer()


async def _change_email(call: Call) -> Answer:
    """Change the email address of the signed-in user. Where the server verifies addresses, the change takes
    effect once the link that is mailed to the new one was confirmed. A mail tells the old address about it.
    """
    body: ChangeEmail = call.body
    user = await email_addresses.change(call.context, call.actor, body.password, body.email, call.address)
    return Answer((await profiles.describe(call.context, call.actor, [user]))[0])


async def _resend(call: Call) -> Answer:
    """Send another mail with the link that confirms the address of the signed-in user."""
    await email_verification.resend(call.context, call.actor, call.address)
    return Answer()


async def _verify_email(call: Call) -> Answer:
    """Confirm an email address with the token from the mailed link and the password, and sign in. All earlier
    logins end.
    """
    body: VerifyEmail = call.body
    signed_in = await email_verification.verify(
        call.context, body.token, body.password, call.address, _user_agent(call)
    )
    return await _signed_in(call, signed_in)


async def _ask_reset(call: Call) -> Answer:
    """Send a mail with a link for setting a new password. The answer is the same whether or not there is such an
    account.
    """
    body: AskReset = call.body
    await password_changes.ask(call.context, body.login, call.address)
    return Answer()


async def _confirm_reset(call: Call) -> Answer:
    """Set a new password with the token from the mailed link. All logins end."""
    body: ConfirmReset = call.body
    await password_changes.confirm(call.context, body.token, body.password, call.address)
    return Answer()


async def _me(call: Call) -> Answer:
    """Return the account and the profile of the signed-in user."""
    user = await call.context.users.get(call.actor.user_id)
    return Answer((await profiles.describe(call.context, call.actor, [user]))[0])


async def _signed_in(call: Call, signed_in: identity.SignedIn, location: str | None = None) -> Answer:
    described = await profiles.describe(call.context, signed_in.actor, [signed_in.user])
    data = {
        "user": described[0],
        "accessToken": signed_in.access_token,
        "expiresIn": signed_in.expires_in_s,
        "refreshToken": signed_in.refresh_token,
        "deviceToken": signed_in.device_token,
    }
    return Answer(data, location=location)


def _login_wire(call: Call, login: LoginDocument) -> dict[str, Any]:
    wire = login.to_wire()
    shown = {name: wire[name] for name in ("id", "createdAt", "lastUsedAt", "expiresAt", "userAgent")}
    return {**shown, "current": login.id == call.actor.login_id}


def _device_wire(device: KnownDevice, current: str | None) -> dict[str, Any]:
    wire = device.to_wire()
    shown = {name: wire[name] for name in ("id", "createdAt", "lastUsedAt", "expiresAt", "userAgent")}
    return {**shown, "current": device.id == current}


def _user_agent(call: Call) -> str:
    given = call.request.headers.get("User-Agent", "")
    return "".join(character for character in given if character.isprintable())[:_AGENT_CHARS]


ENDPOINTS = [
    Endpoint(
        "GET",
        "/auth/registration",
        "Read who can create an account",
        _registration,
        _TAG,
        returns=Returns(model=RegistrationView),
        public=True,
    ),
    Endpoint(
        "POST",
        "/auth/register",
        "Create an account",
        _register,
        _TAG,
        accepts=Accepts(body=Register, max_body_bytes=SMALL_BODY),
        returns=Returns(status=201, model=SignedInView, errors=(403, 409, 429, 503)),
        name="register",
        public=True,
    ),
    Endpoint(
        "POST",
        "/auth/login",
        "Sign in by username or email",
        _login,
        _TAG,
        accepts=Accepts(body=Login, max_body_bytes=SMALL_BODY),
        returns=Returns(model=SignedInView, errors=(401, 403, 429, 503)),
        public=True,
    ),
    Endpoint(
        "POST",
        "/auth/refresh",
        "Exchange a refresh token for new tokens",
        _refresh,
        _TAG,
        accepts=Accepts(body=Refresh, max_body_bytes=SMALL_BODY),
        returns=Returns(model=SignedInView, errors=(401, 503)),
        public=True,
    ),
    Endpoint(
        "POST",
        "/auth/logout",
        "Sign out",
        _logout,
        _TAG,
        accepts=Accepts(body=Refresh, max_body_bytes=SMALL_BODY),
        returns=Returns(status=204, errors=(503,)),
        public=True,
    ),
    Endpoint(
        "POST", "/auth/logout-all", "Sign out on all devices", _logout_all, _TAG, returns=Returns(status=204)
    ),
    Endpoint(
        "POST",
        "/auth/password",
        "Change the password",
        _change_password,
        _TAG,
        accepts=Accepts(body=ChangePassword, max_body_bytes=SMALL_BODY),
        returns=Returns(status=204, errors=(403, 409, 429)),
        name="changePassword",
    ),
    Endpoint(
        "POST",
        "/auth/email",
        "Change the email address",
        _change_email,
        _TAG,
        accepts=Accepts(body=ChangeEmail, max_body_bytes=SMALL_BODY),
        returns=Returns(model=UserView, errors=(403, 409, 429)),
        name="changeEmail",
    ),
    Endpoint(
        "POST",
        "/auth/email/resend",
        "Mail another confirmation link",
        _resend,
        _TAG,
        returns=Returns(status=202, errors=(409, 429)),
        name="resendEmailConfirmation",
    ),
    Endpoint(
        "POST",
        "/auth/email/verify",
        "Confirm an email address",
        _verify_email,
        _TAG,
        accepts=Accepts(body=VerifyEmail, max_body_bytes=SMALL_BODY),
        returns=Returns(model=SignedInView, errors=(403, 409, 410, 429, 503)),
        public=True,
    ),
    Endpoint(
        "POST",
        "/auth/password-reset",
        "Mail a link for a new password",
        _ask_reset,
        _TAG,
        accepts=Accepts(body=AskReset, max_body_bytes=SMALL_BODY),
        returns=Returns(status=202, errors=(429, 503)),
        name="requestPasswordReset",
        public=True,
    ),
    Endpoint(
        "POST",
        "/auth/password-reset/confirm",
        "Set a new password with a mailed token",
        _confirm_reset,
        _TAG,
        accepts=Accepts(body=ConfirmReset, max_body_bytes=SMALL_BODY),
        returns=Returns(status=204, errors=(410, 429, 503)),
        public=True,
    ),
    Endpoint(
        "GET",
        "/auth/logins",
        "List your logins",
        _logins,
        _TAG,
        accepts=Accepts(query=PageQuery),
        returns=Returns(model=LoginView, page=True),
    ),
    Endpoint(
        "DELETE",
        "/auth/logins/{id}",
        "End one of your logins",
        _end_login,
        _TAG,
        returns=Returns(status=204, errors=(404,)),
    ),
    Endpoint(
        "POST",
        "/auth/login-link",
        "Mail a link that makes a device known",
        _ask_link,
        _TAG,
        accepts=Accepts(body=AskLink, max_body_bytes=SMALL_BODY),
        returns=Returns(status=202, errors=(429, 503)),
        name="requestLoginLink",
        public=True,
    ),
    Endpoint(
        "POST",
        "/auth/login-link/confirm",
        "Make this device known with a mailed token",
        _confirm_link,
        _TAG,
        accepts=Accepts(body=ConfirmLink, max_body_bytes=SMALL_BODY),
        returns=Returns(model=ConfirmedDeviceView, errors=(410, 429, 503)),
        public=True,
    ),
    Endpoint(
        "GET",
        "/auth/devices",
        "List your known devices",
        _devices,
        _TAG,
        accepts=Accepts(query=PageQuery),
        returns=Returns(model=DeviceView, page=True),
    ),
    Endpoint(
        "DELETE",
        "/auth/devices/{id}",
        "Forget a known device and end its logins",
        _forget_device,
        _TAG,
        returns=Returns(status=204, errors=(404,)),
    ),
    Endpoint(
        "GET",
        "/auth/me",
        "Read your own account",
        _me,
        _TAG,
        returns=Returns(model=UserView),
        name="getCurrentUser",
    ),
]
