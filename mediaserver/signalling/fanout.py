"""Sends to sockets without waiting: a room's event is encoded once and written straight to each WebSocket.

All private names of engineio, socketio and aiohttp that this needs live in this module (`self_test` checks
them at start). Order holds per socket: a frame is written directly only while the socket's writer sleeps on an
empty queue; else it queues. A socket with too much queued or buffered is closed, never skipped in silence."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import engineio
import socketio
from aiohttp import web
from engineio import packet as eio_packet
from engineio.async_drivers import aiohttp as eio_aiohttp
from socketio import packet

from mediaserver.base.errors import StartError
from mediaserver.signalling.doorstep import Doorstep

log = logging.getLogger(__name__)

MAX_BUFFERED_BYTES = 1 << 20
MAX_QUEUED = 1024
MAX_ACKNOWLEDGEMENTS = 512
"""Unanswered events of one socket whose acknowledgement somebody waits for; the oldest are forgotten."""
_LAST_WORDS_S = 2.0
_BINARY = (str(packet.BINARY_EVENT), str(packet.BINARY_ACK))

ClientEvent = Callable[[str, str, list[Any]], Awaitable["Answer | asyncio.Task[Answer]"]]
"""A task is not waited for: the client's next events come first, its answer goes out when it is done."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The acknowledgement's argument; `then` runs right after it is on its way."""

    data: dict[str, Any]
    then: Callable[[], None] | None = None


class _OutQueue(asyncio.Queue[Any]):
    """Knows whether its consumer waits: then all that came before has been written."""

    def __init__(self) -> None:
        super().__init__()
        self.drained = False

    async def get(self) -> Any:
        self.drained = self.empty()
        try:
            return await super().get()
        finally:
            self.drained = False

    def _put(self, item: Any) -> None:
        self.drained = False
        super()._put(item)


class _WebSocket(eio_aiohttp.WebSocket):  # type: ignore[misc]  # engineio has no types
    """The driver's WebSocket without compression; its Engine.IO socket can find it."""

    def __init__(self, handler: Any, server: Any) -> None:
        super().__init__(handler, server)
        handler.__self__.wire = self

    async def __call__(self, environ: dict[str, Any]) -> Any:
        self._sock = web.WebSocketResponse(max_msg_size=self.server.max_http_buffer_size, compress=False)
        await self._sock.prepare(environ["aiohttp.request"])
        self.environ = environ
        await self.handler(self)
        return self._sock

    @property
    def transport(self) -> asyncio.Transport | None:
        writer = self._sock._writer
        return None if writer is None or self._sock.closed or writer._closing else writer.transport


class _EngineServer(engineio.AsyncServer):  # type: ignore[misc]
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._async: dict[str, Any] = {**vars(self)["_async"], "websocket": _WebSocket}

    def create_queue(self, *args: Any, **kwargs: Any) -> _OutQueue:
        return _OutQueue()


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]
    """Hands every client event to one function and sends its answer; malformed packets end the connection."""

    def __init__(self, on_event: ClientEvent, on_ack: Callable[[str, int], None], **options: Any) -> None:
        super().__init__(async_handlers=False, **options)
        self._on_event, self._on_ack = on_event, on_ack
        self._endings: set[asyncio.Task[None]] = set()
        self.doorstep = Doorstep(self._end_later)

    def _engineio_server_class(self) -> type[_EngineServer]:
        return _EngineServer

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> bool | None:
        if not self.doorstep.come(eio_sid):
            return False
        await super()._handle_eio_connect(eio_sid, environ)
        return None

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        try:
            await super()._handle_eio_disconnect(eio_sid, reason)
        finally:
            self.doorstep.leave(eio_sid)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            if not isinstance(data, str) or data[:1] in _BINARY:
                raise ValueError("this protocol has no binary events")
            await super()._handle_eio_message(eio_sid, data)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
            log.info("a malformed packet ends a connection", extra={"error": type(error).__name__})
            await self.end(eio_sid)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        if not self.manager.is_connected(sid, namespace or "/"):
            return
        if not (isinstance(data, list) and data and isinstance(data[0], str)):
            raise ValueError("an event needs a name")
        answer = await self._on_event(sid, data[0], data[1:])
        if isinstance(answer, Answer):
            self._answer(eio_sid, namespace, id, answer)
        else:
            answer.add_done_callback(lambda done: self._answer_later(eio_sid, namespace, id, done))

    def _answer_later(
        self, eio_sid: str, namespace: str | None, id: int | None, done: "asyncio.Task[Answer]"
    ) -> None:
        if done.cancelled():
            error = {"code": "not_in_session", "message": "you left the session before this was done"}
            self._answer(eio_sid, namespace, id, Answer({"ok": False, "error": error}))
        else:
            self._answer(eio_sid, namespace, id, done.result())

    def _answer(self, eio_sid: str, namespace: str | None, id: int | None, answer: Answer) -> None:
        if id is not None:
            self.put(eio_sid, packet.Packet(packet.ACK, namespace=namespace, id=id, data=[answer.data]).encode())
        if answer.then is not None:
            answer.then()

    async def _handle_ack(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        if sid is not None and id is not None:
            self._on_ack(sid, id)

    def lives(self, eio_sid: str | None) -> bool:
        socket = self.eio.sockets.get(eio_sid)
        return socket is not None and not socket.closed and not socket.closing

    def _end_later(self, eio_sid: str) -> None:
        task = asyncio.ensure_future(self.end(eio_sid))
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def end(self, eio_sid: str) -> None:
        """Close a connection after what is queued; the peer's reading is not waited for."""
        if (socket := self.eio.sockets.get(eio_sid)) is not None:
            await socket.close(wait=False, reason=self.eio.reason.SERVER_DISCONNECT)
            socket.queue.put_nowait(None)  # the writer's sign to close the WebSocket

    def put(self, eio_sid: str, encoded: str) -> None:
        """Queue one encoded Socket.IO packet, in order with all others."""
        if (socket := self.eio.sockets.get(eio_sid)) is not None and not socket.closed:
            socket.queue.put_nowait(eio_packet.Packet(eio_packet.MESSAGE, encoded))


@dataclass(slots=True)
class _Peer:
    eio_sid: str
    acknowledgements: dict[int, Callable[[], None]] = field(default_factory=dict)
    closing: bool = False


class Fanout:
    """The sockets of this process by room; fits the port `Audience`. `on_detach` hears who was put out."""

    def __init__(self, on_event: ClientEvent, on_detach: Callable[[str, str], None], **options: Any) -> None:
        self.server = SocketServer(on_event, self._acknowledged, **options)
        self._on_detach = on_detach
        self._peers: dict[str, _Peer] = {}
        self._rooms: dict[str, dict[str, _Peer]] = {}
        self._ack_ids = itertools.count(1)
        self._closings: set[asyncio.Task[None]] = set()
        self._down = False
        self.too_slow = 0
        """Sockets closed because they did not keep up."""

    def connected(self, socket: str) -> bool:
        """Somebody has signed in; False when the connection is over already."""
        eio_sid = self.server.manager.eio_sid_from_sid(socket, "/")
        if not self.server.lives(eio_sid):
            return False
        self._peers[socket] = _Peer(eio_sid)
        self.server.doorstep.leave(eio_sid)
        return True

    def disconnected(self, socket: str) -> None:
        peer = self._peers.pop(socket, None)
        if peer is not None and self.server.lives(peer.eio_sid):  # it only left Socket.IO
            others = [other for other in self._peers.values() if other.eio_sid == peer.eio_sid]
            if not others:
                self.server.doorstep.wait(peer.eio_sid)
        for room in [room for room, peers in self._rooms.items() if socket in peers]:
            self._forget(socket, room)

    # --------------------------------------------------------------- the port `Audience`

    def attach(self, socket: str, room: str) -> None:
        if peer := self._peers.get(socket):
            self._rooms.setdefault(room, {})[socket] = peer

    def detach(self, socket: str, room: str) -> None:
        self._forget(socket, room)
        self._on_detach(socket, room)

    def broadcast(self, room: str, event: str, data: dict[str, Any]) -> None:
        if peers := self._rooms.get(room):
            shared = _Shared(event, data, None)
            for peer in list(peers.values()):
                self._deliver(peer, shared)

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

    # --------------------------------------------------------------- closing

    def close(self, socket: str) -> None:
        """End the connection once what was sent is out."""
        if (peer := self._peers.get(socket)) is not None and not peer.closing:
            peer.closing = True
            self._later(self.server.end(peer.eio_sid))

    async def shutdown(self) -> None:
        """Tell everyone that the server goes, and close. Once is enough."""
        if self._down:
            return
        self._down = True
        for socket in list(self._peers):
            self.send(socket, "session.closing", {"reason": "shutdown"})
        for socket in list(self._peers):
            self.close(socket)
        if self._closings:
            await asyncio.wait(self._closings, timeout=_LAST_WORDS_S)
        await self.server.shutdown()
        self.server.doorstep.clear()

    # --------------------------------------------------------------- inside

    def _acknowledged(self, socket: str, number: int) -> None:
        peer = self._peers.get(socket)
        if peer is not None and (waiting := peer.acknowledgements.pop(number, None)) is not None:
            waiting()

    def _forget(self, socket: str, room: str) -> None:
        if peers := self._rooms.get(room):
            peers.pop(socket, None)
            if not peers:
                del self._rooms[room]

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
        """A word of why into what is buffered, then the end, also when the other side does not read."""
        peer.closing = True
        self.too_slow += 1
        log.warning("a socket is too slow", extra={"socket": peer.eio_sid})
        if transport is None:  # polling
            self._later(self.server.end(peer.eio_sid))
            return
        transport.write(_Shared("session.closing", {"reason": "too_slow"}, None).frame)
        transport.close()
        asyncio.get_running_loop().call_later(_LAST_WORDS_S, transport.abort)

    def _later(self, closing: Any) -> None:
        task = asyncio.ensure_future(closing)
        self._closings.add(task)
        task.add_done_callback(self._closings.discard)


class _Shared:
    """One event, encoded once: as a packet for queues and as a WebSocket frame (RFC 6455 section 5.2)."""

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


def self_test() -> None:
    """Raise `StartError` when the libraries do not have the insides that this module relies on."""
    try:
        _look_inside()
    except (AssertionError, AttributeError, KeyError, TypeError) as error:
        raise StartError(f"python-socketio, python-engineio or aiohttp is not as expected: {error}") from error


def _look_inside() -> None:
    server = SocketServer(_no_event, lambda socket, number: None)
    assert isinstance(server.eio.create_queue(), _OutQueue), "engineio does not use our queue"
    assert server.eio._async["websocket"] is _WebSocket, "engineio does not use our WebSocket"
    for name in (
        "_handle_eio_connect", "_handle_eio_disconnect", "_handle_eio_message", "_handle_event", "_handle_ack",
    ):  # fmt: skip
        assert hasattr(socketio.AsyncServer, name), f"socketio has no {name}"
    assert hasattr(web.WebSocketResponse(), "_writer"), "aiohttp's WebSocketResponse has no _writer"


async def _no_event(socket: str, event: str, arguments: list[Any]) -> Answer:
    return Answer({})
