"""Thirty clients chat, wave, lose their connection and come back: nobody misses anything or gets it twice."""

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from typing import Any

import pytest
import socketio

from mediaserver.domain.sessions.sessions import Session
from tests.rooms.fakes import until
from tests.signalling.conftest import Live, Someone

pytestmark = pytest.mark.slow

CLIENTS = 30
ACTS = 20
"""Of each client, about four seconds."""
BY_ID = {"participant.joined": True, "participant.updated": True, "participant.left": False}


class Follower:
    """A client's copy of a room, kept as docs/protocol.md says; what does not follow gaplessly is a fault."""

    def __init__(self, someone: Someone, session: Session, chance: random.Random) -> None:
        self.someone, self.session, self.chance = someone, session, chance
        self.epoch: str | None = None
        self.n = self.chat = 0
        self.people: dict[str, Any] = {}
        self.said: list[str] = []
        """`clientId`s of the messages seen, in order."""
        self.unsure: dict[str, str] = {}
        """Sent without an answer as yet."""
        self.acknowledged: set[str] = set()
        self.seen: Counter[str] = Counter()
        self.faults: list[str] = []
        self._ids = itertools.count()
        self._socket: socketio.AsyncClient | None = None
        self._joined = asyncio.Event()

    # ------------------------------------------------------------------- what comes, in the order of the wire

    def _answered(self, answer: Any) -> None:
        if not answer["ok"]:
            self.faults.append(f"join: {answer['error']}")
        elif answer["snapshot"] is not None:
            self.seen["snapshot"] += 1
            self.epoch, self.n = answer["epoch"], answer["n"]
            self.people = {person["id"]: person for person in answer["snapshot"]["participants"]}
        else:
            self.seen["replay"] += 1
            for event in answer["events"]:
                self._event(event["event"], event["data"])
            if (self.epoch, self.n) != (answer["epoch"], answer["n"]):
                self.faults.append(f"replay ends at {self.n}, the room is at {answer['n']}")
        for message in answer.get("chat", {}).get("messages", []):
            self._event("chat.message", message)
        self._joined.set()

    def _event(self, name: str, data: Any) -> None:
        if name == "chat.message":
            if data["sequence"] != self.chat + 1:
                self.faults.append(f"chat {data['sequence']} after {self.chat}")
            self.chat = data["sequence"]
            self.said.append(data["clientId"])
        elif "n" in data:
            if (data["epoch"], data["n"]) != (self.epoch, self.n + 1):
                self.faults.append(f"{name} {data['n']} after {self.n}")
            self.n = data["n"]
            if BY_ID.get(name):
                self.people[data["participant"]["id"]] = data["participant"]
            elif name in BY_ID:
                self.people.pop(data["participantId"], None)

    # ------------------------------------------------------------------- what it does

    async def come(self) -> None:
        """Connect and join with what was seen before; say again what may have been lost."""
        socket = self._socket = socketio.AsyncClient(reconnection=False)

        async def heard(event: str, data: Any = None) -> None:
            if socket is self._socket:
                self._event(event, data)

        socket.on("*", heard)
        await socket.connect(self.someone.url, auth={"token": self.someone.token}, transports=["websocket"])
        await self.join()
        for client_id, content in list(self.unsure.items()):
            await self.say(client_id, content)

    async def join(self) -> None:
        assert self._socket is not None
        self._joined.clear()
        since = {"chat": self.chat, **({"epoch": self.epoch, "n": self.n} if self.epoch else {})}
        asked = {"kind": self.session.kind, "sessionId": self.session.id, "since": since}
        # A callback runs where the answer stands among the events, a task would run later.
        await self._socket.emit("session.join", asked, callback=self._answered)
        await asyncio.wait_for(self._joined.wait(), 20)

    async def say(self, client_id: str, content: str) -> None:
        assert self._socket is not None
        self.unsure[client_id] = content

        def stored(answer: Any) -> None:
            if answer["ok"]:
                self.acknowledged.add(client_id)
                self.unsure.pop(client_id, None)
            elif answer["error"]["code"] != "too_many":
                self.faults.append(f"chat: {answer['error']}")

        sent = {"clientId": client_id, "contentType": "Text", "content": content}
        await self._socket.emit("chat.send", sent, callback=stored)

    async def drop(self) -> None:
        """The connection breaks without a word; what was on its way is lost."""
        assert self._socket is not None
        socket, self._socket = self._socket, None
        await socket.eio.disconnect(abort=True)
        await socket.shutdown()

    async def live(self) -> None:
        await self.come()
        for number in range(ACTS):
            assert self._socket is not None
            what = self.chance.random()
            if what < 0.5:
                await self.say(f"{self.someone.name}-{next(self._ids)}", f"act {number}")
            elif what < 0.8:
                await self._socket.emit("participant.update", {"handRaised": self.chance.random() < 0.5})
            elif what < 0.95:
                await self.drop()
                await asyncio.sleep(self.chance.choice((0.0, 0.1, 0.4, 1.5)))  # at times longer than the grace
                await self.come()
            else:
                await self._socket.call("session.leave", {})  # what comes before its answer is still to be seen
                await self.join()
            await asyncio.sleep(self.chance.uniform(0.05, 0.25))

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.shutdown()


@pytest.mark.parametrize("overrides", [{"rooms.grace_s": "1.0"}])
@pytest.mark.parametrize("seed", [1, 2])
async def test_nobody_misses_or_doubles_anything(live: Live, seed: int) -> None:
    owner = await live.connected("owner")
    session = await live.session(owner)
    await owner.join(session)
    someones = [await live.user(f"client{number}") for number in range(CLIENTS)]
    followers = [Follower(one, session, random.Random(f"{seed} {one.name}")) for one in someones]
    async with asyncio.TaskGroup() as group:
        for follower in followers:
            group.create_task(follower.live())
    host = live.rooms.get("video", session.id)
    assert host is not None
    room = host.room

    def settled() -> bool:
        last = max(follower.chat for follower in followers)
        same = all(f.chat == last and f.n == room.log.n and not f.unsure for f in followers)
        return same and all(member.socket is not None for member in room.members.values())

    with contextlib.suppress(AssertionError):  # then the faults below say more
        await until(settled, 10)
    assert [(f.someone.name, f.faults[:5]) for f in followers if f.faults] == []
    everything = followers[0].said
    assert len(everything) > CLIENTS and len(set(everything)) == len(everything)
    present = {person["id"]: person for person in room.snapshot()["participants"]}
    for follower in followers:
        assert follower.said == everything
        assert follower.acknowledged <= set(everything) and not follower.unsure
        assert dict(follower.people) == present
    assert sum(follower.seen["replay"] for follower in followers) > CLIENTS / 2
    await _come_back_after_a_restart(live, followers, room.log.epoch)
    for follower in followers:
        await follower.close()


async def _come_back_after_a_restart(live: Live, followers: list[Follower], former: str) -> None:
    """The rooms are made anew: numbers of the former epoch mean nothing, the chat goes on."""
    await live.rooms.shutdown()
    for follower in followers:
        follower.seen.clear()
    await asyncio.gather(*(follower.join() for follower in followers))
    await followers[0].say("after", "the restart")
    with contextlib.suppress(AssertionError):
        await until(lambda: all(follower.said[-1] == "after" for follower in followers))
    assert [follower.faults for follower in followers if follower.faults] == []
    assert {follower.epoch for follower in followers} != {former} and len({f.epoch for f in followers}) == 1
    assert all(follower.seen == {"snapshot": 1} for follower in followers)
    assert {len(follower.said) for follower in followers} == {len(followers[0].said)}
