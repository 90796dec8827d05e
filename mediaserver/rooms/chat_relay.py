"""Sends a session's stored chat messages to its room: in order of their sequence, without gaps or repetition.

If a later message arrives before an earlier one, the missing ones are fetched after a short delay.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from mediaserver.base.errors import Problem
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.chat_messages import ChatMessage
from mediaserver.rooms.state.chat_order import ChatOrder
from mediaserver.rooms.state.room import Room
from mediaserver.rooms.task_queue import TaskQueue
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import MessageStored
from mediaserver.usecases.sessions import chat

GAP_TIMEOUT_S = 0.5


class ChatRoom(Protocol):
    """What the relay needs of a room's task."""

    @property
    def key(self) -> str: ...

    @property
    def room(self) -> Room: ...

    @property
    def actors(self) -> Mapping[str, Actor]:
        """The user of each participant."""

    def broadcast(self, event: str, data: dict[str, Any]) -> None: ...

    def send(self, socket: str, event: str, data: dict[str, Any]) -> None: ...


class ChatRelay:
    """The chat of one room. The `run` of its `queue` must be running."""

    def __init__(self, room: ChatRoom, ctx: Context) -> None:
        self._room, self._ctx = room, ctx
        self.queue = TaskQueue(f"{room.key} chat", retries=True)
        self._order: ChatOrder[MessageStored | ChatMessage] | None = None
        self._started = asyncio.Lock()
        self._early: list[MessageStored] = []
        self._fetch_scheduled = False

    async def start(self) -> None:
        """Read the last sequence of the chat. Messages that are stored before that are kept back."""
        async with self._started:
            if self._order is None:
                session = self._room.room.session
                found = await chat.history(self._ctx, session.kind, session.id, limit=1)
                self._order = ChatOrder(found.last_sequence)
                for stored in self._early:
                    self.stored(stored)
                self._early.clear()

    def stored(self, event: MessageStored) -> None:
        """Send a message that was stored, when its turn comes."""
        if self._order is None:
            self._early.append(event)
            return
        for message in self._order.take(event.message.sequence, event):
            self._send_later(message)
        if self._order.hole and not self._fetch_scheduled:
            self._fetch_scheduled = True
            loop = asyncio.get_running_loop()
            loop.call_later(GAP_TIMEOUT_S, lambda: self.queue.put(self._fetch_missing))

    def _send_later(self, message: MessageStored | ChatMessage) -> None:
        """Enqueue it: describing a fetched message takes time, and later ones must not overtake it."""
        stored = isinstance(message, MessageStored)
        self.queue.put(lambda: self._send(message) if stored else self._send_fetched(message))  # type: ignore[arg-type]

    async def _send(self, stored: MessageStored) -> None:
        """Send one wire form to all, unless it contains URLs, which are signed for each reader."""
        actors = self._room.actors
        if stored.upload is None and actors:
            self._room.broadcast("chat.message", chat.to_wire(self._ctx, next(iter(actors.values())), stored))
            return
        for participant, member in self._room.room.members.items():
            if member.socket is not None and participant in actors:
                wire = chat.to_wire(self._ctx, actors[participant], stored)
                self._room.send(member.socket, "chat.message", wire)

    async def _fetch_missing(self) -> None:
        """Fetch the missing messages if they have not arrived meanwhile."""
        self._fetch_scheduled = False
        if self._order is not None and self._order.hole:
            await self.fetch()

    async def fetch(self) -> None:
        """Send all stored messages that were not sent yet."""
        order, session = self._order, self._room.room.session
        while order is not None:
            found = await chat.history(self._ctx, session.kind, session.id, after=order.last)
            for message in found.messages:
                for ready in order.take(message.sequence, message):
                    self._send_later(ready)
            if not found.truncated:
                return

    async def _send_fetched(self, message: ChatMessage) -> None:
        for participant, actor in list(self._room.actors.items()):
            member = self._room.room.members.get(participant)
            if member is None or member.socket is None:
                continue
            try:
                (wire,) = await chat.describe(self._ctx, actor, [message])
            except Problem:
                continue
            self._room.send(member.socket, "chat.message", wire)
