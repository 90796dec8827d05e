"""Sends a session's stored chat messages to its room: by sequence, gapless, each once.

A message that is missing when a later one has come is fetched after a moment."""

import asyncio
from typing import TYPE_CHECKING

from mediaserver.base.errors import Problem
from mediaserver.domain.sessions.chat_messages import ChatMessage
from mediaserver.rooms.command_queue import Lane
from mediaserver.rooms.state.chat_order import ChatOrder
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import MessageStored
from mediaserver.usecases.sessions import chat

if TYPE_CHECKING:
    from mediaserver.rooms.room_task import Host

HOLE_S = 0.5


class ChatRelay:
    def __init__(self, host: "Host", ctx: Context) -> None:
        self._host, self._ctx = host, ctx
        self.lane = Lane(f"{host.key} chat", patient=True)
        self._order: ChatOrder[MessageStored | ChatMessage] | None = None
        self._started = asyncio.Lock()
        self._early: list[MessageStored] = []
        self._mending = False

    async def start(self) -> None:
        """Find out where the chat stands; until then messages are kept."""
        async with self._started:
            if self._order is None:
                session = self._host.room.session
                found = await chat.history(self._ctx, session.kind, session.id, limit=1)
                self._order = ChatOrder(found.last_sequence)
                for stored in self._early:
                    self.stored(stored)
                self._early.clear()

    def stored(self, event: MessageStored) -> None:
        if self._order is None:
            self._early.append(event)
            return
        for message in self._order.take(event.message.sequence, event):
            self._send_later(message)
        if self._order.hole and not self._mending:
            self._mending = True
            asyncio.get_running_loop().call_later(HOLE_S, lambda: self.lane.put(self._mend))

    def _send_later(self, message: MessageStored | ChatMessage) -> None:
        """Through the lane: a fetched message takes a moment, and later ones must not overtake it."""
        stored = isinstance(message, MessageStored)
        self.lane.put(lambda: self._send(message) if stored else self._send_fetched(message))  # type: ignore[arg-type]

    async def _send(self, stored: MessageStored) -> None:
        """One wire form for everyone, unless it holds URLs that are signed for each reader."""
        actors = self._host.actors
        if stored.upload is None and actors:
            self._host.broadcast("chat.message", chat.to_wire(self._ctx, next(iter(actors.values())), stored))
            return
        for participant, member in self._host.room.members.items():
            if member.socket is not None and participant in actors:
                wire = chat.to_wire(self._ctx, actors[participant], stored)
                self._host.send(member.socket, "chat.message", wire)

    async def _mend(self) -> None:
        """Fetch what is missing, once the moment of grace has passed."""
        self._mending = False
        if self._order is not None and self._order.hole:
            await self.fetch()

    async def fetch(self) -> None:
        """Send what is stored and was not told."""
        order, session = self._order, self._host.room.session
        while order is not None:
            found = await chat.history(self._ctx, session.kind, session.id, after=order.last)
            for message in found.messages:
                for ready in order.take(message.sequence, message):
                    self._send_later(ready)
            if not found.truncated:
                return

    async def _send_fetched(self, message: ChatMessage) -> None:
        for participant, actor in list(self._host.actors.items()):
            member = self._host.room.members.get(participant)
            if member is None or member.socket is None:
                continue
            try:
                (wire,) = await chat.describe(self._ctx, actor, [message])
            except Problem:
                continue
            self._host.send(member.socket, "chat.message", wire)
