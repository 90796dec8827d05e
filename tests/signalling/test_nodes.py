"""Sockets and rooms on one node hear of what is done on another, also when they were deaf for a while."""

import time

import pytest

from mediaserver.domain.sessions.chat_messages import ChatMessage
from mediaserver.domain.sessions.sessions import Session
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.events import BusInterrupted
from mediaserver.usecases.sessions import chat, sessions
from tests.rooms.fakes import until
from tests.signalling.conftest import Live, Someone
from tests.signalling.nodes import nodes
from tests.store.redis_server import RedisServer, redis_server

__all__ = ["nodes", "redis_server"]


@pytest.fixture
def overrides(redis_server: RedisServer) -> dict[str, str]:
    return {"redis.url": redis_server.url}


async def in_session(node: Live, *names: str) -> tuple[Session, list[Someone]]:
    """People in a session whose room is on `node`; the first moderates."""
    people = [await node.connected(name) for name in names]
    session = await node.session(people[0])
    for one in people:
        assert (await one.join(session))["ok"]
    return session, people


async def say(node: Live, someone: Someone, session: Session, text: str) -> ChatMessage:
    message, _ = await chat.send(node.ctx, someone.actor, session.kind, session.id, text, "Text", text)
    return message


async def out(someone: Someone) -> str:
    """The reason for which somebody was put out; their connection is closed then."""
    reason: str = (await someone.hears("session.replaced"))["reason"]
    await until(lambda: not someone.socket.connected)
    return reason


async def test_a_logout_on_one_node_ends_the_sockets_on_the_other_in_a_second(
    nodes: tuple[Live, Live],
) -> None:
    here, there = nodes
    ada, eve = await there.connected("ada"), await there.connected("eve")
    began = time.monotonic()
    await identity.logout(here.ctx, ada.refresh_token)
    assert await out(ada) == "login_revoked"
    assert time.monotonic() - began < 1
    assert eve.socket.connected and eve.events("session.replaced") == []


async def test_a_deactivation_ends_sockets_and_stays_on_the_other_node(nodes: tuple[Live, Live]) -> None:
    here, there = nodes
    _, (ada, eve) = await in_session(there, "ada", "eve")
    began = time.monotonic()
    await identity.set_active(here.ctx, eve.actor.user_id, False)
    assert await out(eve) in ("deactivated", "login_revoked")
    assert time.monotonic() - began < 1
    await ada.hears("participant.left")


async def test_a_new_role_holds_for_the_sockets_of_the_other_node(nodes: tuple[Live, Live]) -> None:
    here, there = nodes
    _, (ada, eve) = await in_session(there, "ada", "eve")
    assert (await eve.ask("session.end"))["error"]["code"] == "forbidden"
    await identity.set_role(here.ctx, eve.actor.user_id, "admin")
    updated = await ada.hears("participant.updated")
    assert updated["participant"]["role"] == "moderator"
    assert (await eve.ask("session.end"))["ok"]
    await ada.hears("session.ended")


async def test_a_session_that_ends_on_one_node_ends_its_room_on_the_other(nodes: tuple[Live, Live]) -> None:
    here, there = nodes
    session, (ada, eve) = await in_session(there, "ada", "eve")
    await sessions.end(here.ctx, ada.actor, session.kind, session.id)
    assert (await eve.hears("session.ended"))["reason"] == "ended"
    await until(lambda: there.rooms.rooms == 0)


async def test_a_room_hears_of_changes_and_chat_on_the_other_node(nodes: tuple[Live, Live]) -> None:
    here, there = nodes
    session, (ada, eve) = await in_session(there, "ada", "eve")
    known = await sessions.find(here.ctx, session.kind, session.id)
    await sessions.update(here.ctx, ada.actor, known, {"title": "Geometry"})
    assert (await eve.hears("session.updated"))["session"]["title"] == "Geometry"
    await say(there, eve, session, "one")
    await say(here, ada, session, "two")
    await ada.hears("chat.message", 2)
    assert [message["content"] for message in ada.events("chat.message")] == ["one", "two"]


async def test_what_a_room_did_not_hear_is_read_when_the_bus_is_back(
    nodes: tuple[Live, Live], redis_server: RedisServer
) -> None:
    here, there = nodes
    ended, (ada,) = await in_session(there, "ada")
    deleted, (eve,) = await in_session(there, "eve")
    going_on, (mia,) = await in_session(there, "mia")
    backs: list[BusInterrupted] = []
    there.ctx.events.subscribe(BusInterrupted, backs.append)
    await redis_server.stop()
    here.ctx.events.relay = None  # what waited for Redis would come later; here it is lost
    await sessions.end(here.ctx, ada.actor, ended.kind, ended.id)
    await here.ctx.sessions.delete(deleted.id)
    await sessions.update(here.ctx, mia.actor, going_on, {"title": "Geometry"})
    for number in range(120):
        await say(here, mia, going_on, str(number))
    assert not ada.events("session.ended") and not mia.events("chat.message")
    await redis_server.start()
    assert (await ada.hears("session.ended"))["reason"] == "ended"
    assert (await eve.hears("session.ended"))["reason"] == "deleted"
    assert (await mia.hears("session.updated"))["session"]["title"] == "Geometry"
    await mia.hears("chat.message", 120)
    assert [message["content"] for message in mia.events("chat.message")] == [str(n) for n in range(120)]
    assert backs and len(mia.events("session.updated")) == 1
