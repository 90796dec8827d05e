"""Sends to sockets without waiting: an event of a room is encoded once and written directly to each WebSocket.

Events stay in order for each socket: a frame is written directly only while the socket's writer waits for an
empty queue; otherwise it is queued. A socket with too much queued or buffered data is closed; no event is
skipped silently.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from engineio import packet as eio_packet
from socketio import packet

from mediaserver.base.settings.tree import SignallingSettings
from mediaserver.signalling.connections import Abuse, Connection
from mediaserver.signalling.pushes import PERSONAL, USER, RedisPushes
from mediaserver.signalling.socket_server import ClientEvent, SocketServer

log = logging.getLogger(__name__)

MAX_BUFFERED_BYTES = 1 << 20
MAX_QUEUED = 1024
MAX_ACKNOWLEDGEMENTS = 512
"""Unanswered events per socket whose acknowledgement is awaited; the oldest are forgotten."""
_LAST_WORDS_S = 2.0


@dataclass(slots=True)
class _Peer:
    eio_sid: str
    rooms: set[str] = field(default_factory=set)
    acknowledgements: dict[int, Callable[[], None]] = field(default_factory=dict)
    closing: bool = False


class Fanout:
    """The sockets of this process by room; implements `rooms.interfaces.Audience`.

    `on_detach` is called for sockets that are removed from a room. With `redis` (URL and channel name), pushes
    also reach sockets on other nodes; `run` must then be running. `personalise(socket, data)` returns the data
    of a push to a `PERSONAL` room for one socket.
    """

    def __init__(
        self,
        on_event: ClientEvent,
        on_detach: Callable[[str, str], None],
        network: Callable[[web.Request], str],
        settings: SignallingSettings,
        redis: tuple[str, str] | None = None,
        personalise: Callable[[str, dict[str, Any]], dict[str, Any]] = lambda socket, data: data,
        **options: Any,
    ) -> None:
        self.pushes = RedisPushes(*redis, self._deliver_to) if redis else None
        if self.pushes is not None:
            options["client_manager"] = self.pushes
        self.server = SocketServer(on_event, self._acknowledged, self._abused, network, settings, **options)
        self._on_detach, self._personalise = on_detach, personalise
        self._peers: dict[str, _Peer] = {}
        self._rooms: dict[str, dict[str, _Peer]] = {}
        self._ack_ids = itertools.count(1)
        self._closings: set[asyncio.Task[None]] = set()
        self._down = False
        self.too_slow = 0
        """Number of sockets that were closed because they were too slow."""

    def claim(self, socket: str) -> None:
        """Note that the user of a valid token is being looked up for this socket."""
        self.server.connections.claim(self._eio_sid(socket))

    def refused(self, socket: str) -> None:
        """Note that a sign-in was refused; the connection may try again."""
        self.server.connections.refuse(self._eio_sid(socket))

    def connection(self, socket: str) -> Connection | None:
        """Return the Engine.IO connection of a socket, with its budgets."""
        peer = self._peers.get(socket)
        return None if peer is None else self.server.connections.get(peer.eio_sid)

    def connected(self, socket: str, user_id: str) -> bool:
        """Add the socket of a signed-in user; return False if the connection is closed already."""
        eio_sid = self._eio_sid(socket)
        if not self.server.lives(eio_sid) or self.server.connections.sign_in(eio_sid, user_id) is None:
            return False
        self._peers[socket] = _Peer(eio_sid)
        return True

    def disconnected(self, socket: str) -> None:
        peer = self._peers.pop(socket, None)
        if peer is not None and self.server.lives(peer.eio_sid):  # it only left the Socket.IO namespace
            self.server.connections.sign_out(peer.eio_sid)
        if peer is not None:
            for room in tuple(peer.rooms):
                self._leave(peer, socket, room)

    # --------------------------------------------------------------- Audience

    def attach(self, socket: str, room: str) -> None:
        if peer := self._peers.get(socket):
            self._rooms.setdefault(room, {})[socket] = peer
            peer.rooms.add(room)

    def detach(self, socket: str, room: str) -> None:
        if peer := self._peers.get(socket):
            self._leave(peer, socket, room)
        self._on_detach(socket, room)

    def broadcast(self, room: str, event: str, data: dict[str, Any]) -> None:
        self._deliver_to((room,), event, data)

    def send(
        self, socket: str, event: str, data: dict[str, Any], acknowledged: Callable[[], None] | None = None
    ) -> None:
        if (peer := self._peers.get(socket)) is None:
            return
        number = None
        if acknowledged is not None:
            number = next(self._ack_ids)
            peer.acknowledgements[number] = acknowledged
            if len(peer.acknowledgements) > MAX_ACKNOWLEDGEMENTS:
                del peer.acknowledgements[next(iter(peer.acknowledgements))]
        self._deliver(peer, _Shared(event, data, number))

    # --------------------------------------------------------------- pushes to users

    def sockets(self, room: str) -> tuple[str, ...]:
        """Return the sockets of this node in a room."""
        return tuple(self._rooms.get(room, ()))

    def push(self, rooms: Sequence[str], event: str, data: dict[str, Any]) -> None:
        """Send an event to all sockets in these rooms of users, on all nodes."""
        if self.pushes is None:
            self._deliver_to(rooms, event, data)
        else:  # to the sockets here at the loop's next turn, to the other nodes through a queue
            self._later(self._emit(list(rooms), event, data))

    async def _emit(self, rooms: list[str], event: str, data: dict[str, Any]) -> None:
        try:
            await self.server.emit(event, data, room=rooms)
        except Exception:
            log.exception("a push failed", extra={"event": event})

    async def run(self) -> None:
        """Exchange pushes with other nodes until canceled; does nothing without Redis."""
        if self.pushes is not None:
            await self.pushes.run()

    # --------------------------------------------------------------- closing

    def close(self, socket: str) -> None:
        """Close the connection after everything was sent."""
        if (peer := self._peers.get(socket)) is not None and not peer.closing:
            peer.closing = True
            self._later(self.server.end(peer.eio_sid))

    async def shutdown(self) -> None:
        """Notify all clients of the shutdown and close their connections. Later calls do nothing."""
        if self._down:
            return
        self._down = True
        for socket in list(self._peers):
            self.send(socket, "session.closing", {"reason": "shutdown"})
        for socket in list(self._peers):
            self.close(socket)
        if self._closings:
            await asyncio.wait(self._closings, timeout=_LAST_WORDS_S)
        if self.pushes is not None:
            await self.pushes.drain(_LAST_WORDS_S)
        await self.server.shutdown()
        self.server.connections.clear()

    # --------------------------------------------------------------- internals

    def _acknowledged(self, socket: str, number: int) -> None:
        peer = self._peers.get(socket)
        if peer is not None and (waiting := peer.acknowledgements.pop(number, None)) is not None:
            waiting()

    def _leave(self, peer: _Peer, socket: str, room: str) -> None:
        peer.rooms.discard(room)
        if peers := self._rooms.get(room):
            peers.pop(socket, None)
            if not peers:
                del self._rooms[room]

    def _deliver_to(self, rooms: Sequence[str], event: str, data: dict[str, Any]) -> None:
        """Send one frame to all sockets of this node; in `PERSONAL` rooms each socket gets its own."""
        shared = None
        for room in rooms:
            if room.startswith(PERSONAL):
                for socket, peer in tuple(self._rooms.get(USER + room.removeprefix(PERSONAL), {}).items()):
                    self._deliver(peer, _Shared(event, self._personalise(socket, data), None))
                continue
            for peer in tuple(self._rooms.get(room, {}).values()):
                shared = shared or _Shared(event, data, None)
                self._deliver(peer, shared)

    def _deliver(self, peer: _Peer, shared: "_Shared") -> None:
        socket = self.server.eio.sockets.get(peer.eio_sid)
        if socket is None or socket.closed or peer.closing:
            return
        wire = getattr(socket, "wire", None)
        transport = wire.transport if wire is not None and socket.upgraded else None
        if transport is not None and transport.get_write_buffer_size() > MAX_BUFFERED_BYTES:
            self._too_slow(peer, transport)
        elif transport is not None and socket.queue.drained and not socket.closing:
            transport.write(shared.frame)
        elif socket.queue.qsize() >= MAX_QUEUED:
            self._too_slow(peer, transport)
        else:
            socket.queue.put_nowait(shared.packet)

    def _too_slow(self, peer: _Peer, transport: asyncio.Transport | None) -> None:
        """Append the reason to the buffer and close the socket, even if the client does not read."""
        peer.closing = True
        self.too_slow += 1
        log.warning("closed a socket that was too slow", extra={"socket": peer.eio_sid})
        if transport is None:  # polling
            self._later(self.server.end(peer.eio_sid))
            return
        transport.write(_closing("too_slow").frame)
        transport.close()
        asyncio.get_running_loop().call_later(_LAST_WORDS_S, transport.abort)

    def _abused(self, eio_sid: str, reason: Abuse) -> bytes:
        """Stop sending to the socket; return the frame with the reason, for signed-in users."""
        socket = self.server.manager.sid_from_eio_sid(eio_sid, "/")
        peer = self._peers.get(socket) if socket is not None else None
        if peer is None or peer.closing:
            return b""
        peer.closing = True
        last = _closing(reason)
        if (connection := self.server.eio.sockets.get(eio_sid)) is not None and not connection.upgraded:
            connection.queue.put_nowait(last.packet)
        return last.frame

    def _eio_sid(self, socket: str) -> str:
        return self.server.manager.eio_sid_from_sid(socket, "/") or ""

    def _later(self, closing: Any) -> None:
        task = asyncio.ensure_future(closing)
        self._closings.add(task)
        task.add_done_callback(self._closings.discard)


def _closing(reason: str) -> "_Shared":
    return _Shared("session.closing", {"reason": reason}, None)


class _Shared:
    """An event that is encoded once: as a packet for queues and as a WebSocket frame (RFC 6455 section 5.2)."""

    __slots__ = ("_frame", "packet")

    def __init__(self, event: str, data: dict[str, Any], ack_id: int | None) -> None:
        encoded = packet.Packet(packet.EVENT, id=ack_id, data=[event, data], binary=False).encode()
        self.packet = eio_packet.Packet(eio_packet.MESSAGE, encoded)
        self._frame: bytes | None = None

    @property
    def frame(self) -> bytes:
        if self._frame is None:
            text = self.packet.encode().encode()
            size = len(text)
            if size < 126:
                head = bytes((0x81, size))
            elif size < 1 << 16:
                head = b"\x81\x7e" + size.to_bytes(2, "big")
            else:
                head = b"\x81\x7f" + size.to_bytes(8, "big")
            self._frame = head + text
        return self._frame
