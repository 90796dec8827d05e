"""Connections of people whose address is not confirmed: they hear what concerns them, and may send nothing."""

import pytest

from mediaserver.signalling.messages import CLIENT_MESSAGES
from mediaserver.usecases.accounts import email_verification, identity
from tests.rooms.fakes import until
from tests.signalling.conftest import Live


@pytest.fixture
def overrides() -> dict[str, str]:
    return {
        "auth.require_verified_email": "true",
        "mail.backend": "smtp",
        "http.public_url": "http://media.example",
    }


async def test_every_event_is_refused_until_the_address_is_confirmed(live: Live) -> None:
    ann = await live.connected("ann")
    for name in CLIENT_MESSAGES:
        answer = await ann.ask(name)
        assert (answer["ok"], answer["error"]["code"]) == (False, "email_unverified"), name
    user = await live.ctx.users.get(ann.actor.user_id)
    await email_verification.confirm_by_operator(live.ctx, user)
    assert await ann.hears("session.replaced") == {"reason": "login_revoked"}
    await until(lambda: not ann.socket.connected)
    signed_in = await identity.login(live.ctx, "ann", "password-1", "::1")
    again = live.again(ann)
    again.token, again.actor = signed_in.access_token, signed_in.actor
    session = await live.session(again)
    await again.connect()
    assert (await again.join(session))["ok"]
