"""Whoever's login ends is out of their sockets and rooms within a second, whatever ended it and wherever."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from socketio.exceptions import ConnectionError as Refused

from mediaserver.media import messages as m
from mediaserver.usecases.accounts import identity, logins, password_changes
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import Events
from mediaserver.usecases.login.revocations import Watch
from mediaserver.usecases.login.tokens import AccessTokens
from tests.rooms.fakes import until
from tests.signalling.conftest import Live, Someone
from tests.signalling.test_signalling import publish

PASSWORD, NEW = "password-1", "a better one"
HOME = "192.0.2.7"

Act = Callable[[Context, Someone], Awaitable[object]]


async def another_device(live: Live, someone: Someone) -> Someone:
    """The same person, signed in a second time."""
    signed_in = await identity.login(live.ctx, someone.name, PASSWORD, HOME)
    device = Someone(someone.name, signed_in.actor, signed_in.access_token, signed_in.refresh_token, live.url)
    live.people.append(device)
    return await device.connect()


async def sign_out_everywhere(ctx: Context, ben: Someone) -> None:
    await identity.end_all_logins(ctx, ben.actor.user_id)


async def deactivate(ctx: Context, ben: Someone) -> None:
    await identity.set_active(ctx, ben.actor.user_id, False)


async def set_password(ctx: Context, ben: Someone) -> None:
    await password_changes.set_password(ctx, ben.actor.user_id, NEW)


async def refresh_with_a_used_token(ctx: Context, ben: Someone) -> None:
    second = await identity.refresh(ctx, ben.refresh_token)
    await identity.refresh(ctx, second.refresh_token)
    with pytest.raises(Exception, match="already used"):
        await identity.refresh(ctx, ben.refresh_token)


async def end_this_device(ctx: Context, ben: Someone) -> None:
    await logins.end(ctx, ben.actor, ben.actor.login_id)


async def refused(someone: Someone) -> None:
    """They cannot connect."""
    told: list[Any] = []
    someone.socket.on("connect_error", told.append)
    with pytest.raises(Refused):
        await someone.connect()
    assert told[0]["message"] == "unauthenticated"


WAYS: list[Act] = [sign_out_everywhere, deactivate, set_password, refresh_with_a_used_token, end_this_device]


def elsewhere(live: Live) -> Context:
    """What another process has: the same documents."""
    tokens = AccessTokens(live.ctx.secrets.jwt_key, live.ctx.settings.auth.access_ttl_s)
    return replace(live.ctx, events=Events(), tokens=tokens)


@pytest.mark.parametrize("by", ["this process", "another process"])
@pytest.mark.parametrize("act", WAYS)
async def test_the_socket_the_seat_and_the_media_end(live: Live, act: Act, by: str) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    assert (await publish(ben))["ok"]
    watching = asyncio.create_task(Watch(live.ctx).run())
    await act(live.ctx if by == "this process" else elsewhere(live), ben)
    begin = time.monotonic()
    await until(lambda: not ben.socket.connected)
    assert time.monotonic() - begin < 1
    assert ben.events("session.replaced")[0]["reason"] == (
        "deactivated" if act is deactivate else "login_revoked"
    )
    assert (await mia.hears("participant.left"))["participantId"]
    await until(lambda: live.workers.worker.of(m.CloseTransport))
    assert mia.socket.connected
    await refused(live.again(ben))
    watching.cancel()


@pytest.mark.parametrize("act", [refresh_with_a_used_token, end_this_device])
async def test_another_device_goes_on(live: Live, act: Act) -> None:
    laptop = await live.connected("ben")
    phone = await another_device(live, laptop)
    await act(live.ctx, phone)
    await until(lambda: not phone.socket.connected, timeout_s=1)
    assert (await laptop.ask("session.leave"))["error"]["code"] == "not_in_session"


async def test_who_changes_the_password_stays_and_the_other_devices_go(live: Live) -> None:
    laptop = await live.connected("ben")
    phone = await another_device(live, laptop)
    watching = asyncio.create_task(Watch(live.ctx).run())
    await password_changes.change(live.ctx, laptop.actor, PASSWORD, NEW)
    await until(lambda: not phone.socket.connected, timeout_s=1)
    await asyncio.sleep(0.6)  # what is noticed by looking would have been by now
    assert (await laptop.ask("session.leave"))["error"]["code"] == "not_in_session"
    await laptop.drop()
    await live.again(laptop).connect()
    watching.cancel()


async def test_a_socket_that_connects_while_its_login_ends_does_not_stay(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben = await live.user("ben")
    users = type(live.ctx.users)
    find_one = users.find_one

    async def then_it_ends(self: object, *args: object, **named: object) -> object:
        found = await find_one(self, *args, **named)  # type: ignore[arg-type]
        monkeypatch.setattr(users, "find_one", find_one)
        await identity.logout(live.ctx, ben.refresh_token)
        return found

    live.ctx.tokens.forget_user(ben.actor.user_id)
    monkeypatch.setattr(users, "find_one", then_it_ends)
    await refused(ben)
    assert live.signalling.connections == 0
