"""Joins that something crosses: a broken connection, another tab, the end of the session or of its room."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mediaserver.domain.sessions.sessions import Session
from mediaserver.rooms import registry
from mediaserver.rooms.room_task import RoomTask
from mediaserver.signalling import handlers
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.sessions import sessions
from tests.rooms.fakes import until
from tests.signalling.conftest import Live


class Held:
    """Replaces a function of a module: its calls wait, before or after they are done, until `go` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, after: bool = False) -> None:
        self.go, self.waiting = asyncio.Event(), 0
        self._real: Callable[..., Any] = getattr(module, name)
        self._after = after
        monkeypatch.setattr(module, name, self._call)

    async def _call(self, *args: Any, **kwargs: Any) -> Any:
        if self._after:
            found = await self._real(*args, **kwargs)
            await self._hold()
            return found
        await self._hold()
        return await self._real(*args, **kwargs)

    async def _hold(self) -> None:
        self.waiting += 1
        await self.go.wait()


def host_of(live: Live, session: Session) -> RoomTask:
    host = live.rooms.get(session.kind, session.id)
    assert host is not None
    return host


@pytest.mark.parametrize("where", ["store", "room", "answer"])
async def test_who_goes_while_joining_does_not_stay_as_a_ghost(
    live: Live, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    host = host_of(live, session)
    held = {
        "store": lambda: Held(monkeypatch, handlers.participants, "enter"),
        "room": lambda: Held(monkeypatch, host, "command", after=True),
        "answer": lambda: Held(monkeypatch, handlers.chat, "describe"),
    }[where]()
    joining = asyncio.create_task(ben.join(session))
    await until(lambda: held.waiting)
    await identity.logout(live.ctx, ben.refresh_token)
    await until(lambda: live.signalling.connections == 1)
    held.go.set()
    joining.cancel()
    async with asyncio.timeout(5):
        while (
            await live.ctx.participants.find_one({"userId": ben.actor.user_id, "leftAt": {"$ne": None}}) is None
        ):
            await asyncio.sleep(0.01)
    assert len(host.room.members) == 1


async def test_of_two_tabs_that_join_at_once_one_is_in_and_the_other_cannot_act(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia = await live.connected("mia")
    twin = await live.again(mia).connect()
    session = await live.session(mia)
    held = Held(monkeypatch, handlers.chat, "describe")  # both have entered the room then
    joining = [asyncio.create_task(tab.join(session)) for tab in (mia, twin)]
    await until(lambda: held.waiting == 2)
    held.go.set()
    answers = await asyncio.gather(*joining)
    assert sorted(answer["ok"] for answer in answers) == [False, True]
    out, inside = (mia, twin) if answers[1]["ok"] else (twin, mia)
    refused = answers[0] if out is mia else answers[1]
    assert refused["error"]["code"] == "replaced"
    assert (await out.ask("session.leave"))["error"]["code"] == "not_in_session"
    assert (await inside.ask("participant.update", {"mute": True}))["ok"]
    await out.close()
    assert (await inside.ask("chat.typing"))["ok"]


async def test_a_replaced_tab_that_has_not_noticed_removes_nobody(live: Live) -> None:
    mia = await live.connected("mia")
    session = await live.session(mia)
    await mia.join(session)
    twin = await live.again(mia).connect()
    await twin.join(session)
    host = host_of(live, session)
    stale = next(c for c in live.signalling._clients.values() if c.room_task is None)
    stale.room_task = host  # as if the event had not arrived yet
    for event in ("session.leave", "chat.typing", "session.end", "recording.start"):
        assert (await mia.ask(event))["error"]["code"] == "not_in_session"
    assert len(host.room.members) == 1 and (await twin.ask("chat.typing"))["ok"]


@pytest.mark.parametrize("somebody_is_in", [True, False])
async def test_a_join_does_not_revive_a_session_that_ended_meanwhile(
    live: Live, monkeypatch: pytest.MonkeyPatch, somebody_is_in: bool
) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    if not somebody_is_in:
        await mia.ask("session.leave")
    held = Held(monkeypatch, handlers.sessions, "admit", after=True)
    joining = asyncio.create_task(ben.join(session))
    await until(lambda: held.waiting)
    await sessions.end(live.ctx, mia.actor, session.kind, session.id)
    await until(lambda: live.rooms.rooms == 0)
    held.go.set()
    assert (await joining)["error"]["code"] == "ended"
    await until(lambda: live.rooms.rooms == 0)
    assert await live.ctx.participants.find_one({"userId": ben.actor.user_id}) is None


async def test_who_waits_for_a_room_to_close_does_not_open_it_again(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    admitted = Held(monkeypatch, handlers.sessions, "admit", after=True)
    closing = Held(monkeypatch, registry, "stop_recording")
    joining = asyncio.create_task(ben.join(session))
    await until(lambda: admitted.waiting)
    await sessions.end(live.ctx, mia.actor, session.kind, session.id)
    await until(lambda: closing.waiting)
    admitted.go.set()
    closing.go.set()
    assert (await joining)["error"]["code"] == "ended"
    await until(lambda: live.rooms.rooms == 0)


@pytest.mark.parametrize("overrides", [{"rooms.empty_s": "0.05"}])
async def test_a_join_that_finds_its_room_swept_enters_a_new_one(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia = await live.connected("mia")
    session = await live.session(mia)
    held = Held(monkeypatch, handlers.participants, "enter")
    joining = asyncio.create_task(mia.join(session))
    await until(lambda: held.waiting)
    first = host_of(live, session)
    sweeping = asyncio.create_task(live.rooms.run())
    await until(lambda: live.rooms.rooms == 0)
    sweeping.cancel()
    held.go.set()
    assert (await joining)["ok"]
    assert live.rooms.rooms == 1 and host_of(live, session) is not first
    stay = await live.ctx.participants.find_one({"userId": mia.actor.user_id})
    assert stay is not None and stay.left_at is None
    assert (await mia.ask("chat.typing"))["ok"]


async def test_a_room_in_which_somebody_is_by_its_turn_is_not_swept(live: Live) -> None:
    mia = await live.connected("mia")
    session = await live.session(mia)
    await mia.join(session)
    host = host_of(live, session)
    live.rooms._close_if_empty(host, 0.0)
    assert (await mia.ask("chat.typing"))["ok"] and live.rooms.rooms == 1
