"""`/auth`: register, sign in, refresh, sign out."""

from typing import Annotated

from pydantic import Field

from mediaserver.api.bodies import Body
from mediaserver.api.endpoint import Answer, Call, Endpoint
from mediaserver.api.views import SignedInView, UserView
from mediaserver.domain.users import Email, Password, Username
from mediaserver.usecases import identity, users

_TAG = "Identity"


class Register(Body):
    username: Username
    email: Email
    password: Password


class Login(Body):
    login: Annotated[str, Field(min_length=1, max_length=254, description="Username or email.")]
    password: Annotated[str, Field(min_length=1, max_length=256)]


class Refresh(Body):
    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


async def _register(call: Call) -> Answer:
    body: Register = call.body
    signed_in = await identity.register(call.context, body.username, body.email, body.password, call.address)
    return await _signed_in(call, signed_in, location=f"/users/{signed_in.user.id}")


async def _login(call: Call) -> Answer:
    body: Login = call.body
    return await _signed_in(call, await identity.login(call.context, body.login, body.password, call.address))


async def _refresh(call: Call) -> Answer:
    body: Refresh = call.body
    return await _signed_in(call, await identity.refresh(call.context, body.refresh_token))


async def _logout(call: Call) -> Answer:
    body: Refresh = call.body
    await identity.logout(call.context, body.refresh_token)
    return Answer()


async def _me(call: Call) -> Answer:
    user = await call.context.users.get(call.actor.user_id)
    return Answer((await users.describe(call.context, call.actor, [user]))[0])


async def _signed_in(call: Call, signed_in: identity.SignedIn, location: str | None = None) -> Answer:
    described = await users.describe(call.context, signed_in.actor, [signed_in.user])
    data = {
        "user": described[0],
        "accessToken": signed_in.access_token,
        "expiresIn": signed_in.expires_in_s,
        "refreshToken": signed_in.refresh_token,
    }
    return Answer(data, location=location)


ENDPOINTS = [
    Endpoint(
        "POST", "/auth/register", "Open an account, as a student", _register, _TAG,
        body=Register, answer=SignedInView, status=201, public=True, errors=(409, 429, 503),
    ),
    Endpoint(
        "POST", "/auth/login", "Sign in by username or email", _login, _TAG,
        body=Login, answer=SignedInView, public=True, errors=(401, 403, 429, 503),
    ),
    Endpoint(
        "POST", "/auth/refresh", "New tokens for a refresh token, which is used up", _refresh, _TAG,
        body=Refresh, answer=SignedInView, public=True, errors=(401,),
    ),
    Endpoint(
        "POST", "/auth/logout", "End the login of a refresh token", _logout, _TAG,
        body=Refresh, status=204, public=True,
    ),
    Endpoint("GET", "/auth/me", "The signed-in person", _me, _TAG, answer=UserView),
]  # fmt: skip
