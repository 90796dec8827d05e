"""python-socketio's server with our own queue and WebSocket: `fanout` sees when a frame may be written directly.

All private names of engineio, socketio and aiohttp on which signalling relies are used here, in `fanout` and in
`pushes`; `self_test` checks them at start."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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
    for name in ("_publish", "_handle_emit"):
        assert hasattr(socketio.AsyncRedisManager, name), f"socketio's Redis manager has no {name}"
    assert isinstance(socketio.AsyncRedisManager().host_id, str), "socketio's Redis manager has no host_id"
    assert hasattr(web.WebSocketResponse(), "_writer"), "aiohttp's WebSocketResponse has no _writer"


async def _no_event(socket: str, event: str, arguments: list[Any]) -> Answer:
    return Answer({})
