"""python-socketio's server with our own queue and WebSocket, so that `fanout` can write frames directly.

The private names of engineio, socketio and aiohttp on which signalling relies are used only here and in `engine`,
`metered_websocket`, `fanout` and `pushes`; `self_test` checks them at start.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import socketio
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from engineio import packet as eio_packet
from engineio.async_socket import AsyncSocket
from socketio import packet

from mediaserver.base.errors import StartError
from mediaserver.base.json_values import has_more_values
from mediaserver.base.settings.tree import SignallingSettings
from mediaserver.signalling.connections import Abuse, Connections
from mediaserver.signalling.engine import LAST_WORDS_S, EngineServer, EngineWebSocket, OutQueue
from mediaserver.signalling.metered_websocket import POLICY_VIOLATION, TOO_LARGE

log = logging.getLogger(__name__)

MAX_VALUES: Final = 1000
"""Most list items and object members of a packet. The largest one, a subscription of 70 slots, has 563."""
_BINARY = (str(packet.BINARY_EVENT), str(packet.BINARY_ACK))

ClientEvent = Callable[[str, str, list[Any]], Awaitable["Answer | asyncio.Task[Answer]"]]
"""Handles an event. If it returns a task, the client's next events are handled before the task is done."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The argument of the acknowledgement. `then` is called right after it was sent."""

    data: dict[str, Any]
    then: Callable[[], None] | None = None


def check_packet(data: Any) -> None:
    """Raise ValueError for a packet that is not part of the protocol or would take long to parse."""
    if not isinstance(data, str) or data[:1] in _BINARY:
        raise ValueError("the protocol has no binary events")
    if has_more_values(data.encode("utf-8", "surrogatepass"), MAX_VALUES):
        raise ValueError("the packet has too many values")


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]
    """Passes every client event to one function and sends its answer; malformed packets close the connection.

    `network` returns the key under which a request's address is counted, `on_abuse` the last frame for a client
    that is cut off.
    """

    def __init__(
        self,
        on_event: ClientEvent,
        on_ack: Callable[[str, int], None],
        on_abuse: Callable[[str, Abuse], bytes],
        network: Callable[[web.Request], str],
        settings: SignallingSettings,
        **options: Any,
    ) -> None:
        self.connections = Connections(settings, self._end_later, self._cut)
        super().__init__(async_handlers=False, **options)
        self.eio.connections, self.eio.network = self.connections, network
        self._on_event, self._on_ack, self._on_abuse, self._network = on_event, on_ack, on_abuse, network
        self._endings: set[asyncio.Task[None]] = set()

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        request: web.Request = environ["aiohttp.request"]
        polling = request.query.get("transport", "polling") == "polling"
        self.connections.open(eio_sid, self._network(request), polling=polling)
        await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        try:
            await super()._handle_eio_disconnect(eio_sid, reason)
        finally:
            self.connections.close(eio_sid)
            if (socket := self.eio.sockets.get(eio_sid)) is not None:  # engineio would keep it for some time
                asyncio.get_running_loop().call_soon(self.eio.forget, socket)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        connection = self.connections.get(eio_sid)
        if connection is None or connection.over:
            return
        try:
            check_packet(data)
            await super()._handle_eio_message(eio_sid, data)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
            log.debug("closing a connection after a malformed packet", extra={"error": type(error).__name__})
            await self.end(eio_sid)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        if not self.manager.is_connected(sid, namespace or "/"):
            return
        if not (isinstance(data, list) and data and isinstance(data[0], str)):
            raise ValueError("an event must have a name")
        answer = await self._on_event(sid, data[0], data[1:])
        if isinstance(answer, Answer):
            self._answer(eio_sid, namespace, id, answer)
        else:
            answer.add_done_callback(lambda done: self._answer_later(eio_sid, namespace, id, done))

    def _answer_later(
        self, eio_sid: str, namespace: str | None, id: int | None, done: "asyncio.Task[Answer]"
    ) -> None:
        if done.cancelled():
            error = {"code": "not_in_session", "message": "You left the session before this was done."}
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
        """Close a connection after its queued packets, without waiting for the client to read them."""
        if (socket := self.eio.sockets.get(eio_sid)) is not None:
            await socket.close(wait=False, reason=self.eio.reason.SERVER_DISCONNECT)
            socket.queue.put_nowait(None)  # tells the writer to close the WebSocket
            self.eio.forget(socket)

    def _cut(self, eio_sid: str, reason: Abuse) -> None:
        """Close a connection that broke a limit: send the reason if possible, and stop reading."""
        socket = self.eio.sockets.get(eio_sid)
        wire = getattr(socket, "wire", None)
        last = self._on_abuse(eio_sid, reason)
        if wire is not None and wire.socket is not None and socket.upgraded:
            wire.socket.cut(last, TOO_LARGE if reason == "too_large" else POLICY_VIOLATION)
        elif last:
            asyncio.get_running_loop().call_later(LAST_WORDS_S, self._end_later, eio_sid)
        else:
            self._end_later(eio_sid)

    def put(self, eio_sid: str, encoded: str) -> None:
        """Queue an encoded Socket.IO packet, in order with all others."""
        if (socket := self.eio.sockets.get(eio_sid)) is not None and not socket.closed:
            socket.queue.put_nowait(eio_packet.Packet(eio_packet.MESSAGE, encoded))


def self_test() -> None:
    """Check the library internals that signalling relies on. Raises: StartError."""
    try:
        _look_inside()
    except (AssertionError, AttributeError, KeyError, TypeError) as error:
        raise StartError(
            f"This version of python-socketio, python-engineio or aiohttp is not supported: {error}"
        ) from error


def _look_inside() -> None:
    server = SocketServer(
        _no_event,
        lambda socket, number: None,
        lambda socket, reason: b"",
        lambda request: "",
        SignallingSettings(),
    )
    assert isinstance(server.eio.create_queue(), OutQueue), "engineio does not use our queue"
    assert server.eio._async["websocket"] is EngineWebSocket, "engineio does not use our WebSocket"
    assert callable(server.eio._async["translate_request"]), "engineio has no translate_request"
    assert hasattr(AsyncSocket, "_send_ping"), "engineio's sockets have no _send_ping"
    for name in (
        "_handle_eio_connect", "_handle_eio_disconnect", "_handle_eio_message", "_handle_event", "_handle_ack",
    ):  # fmt: skip
        assert hasattr(socketio.AsyncServer, name), f"socketio has no {name}"
    for name in ("_publish", "_handle_emit"):
        assert hasattr(socketio.AsyncRedisManager, name), f"socketio's Redis manager has no {name}"
    assert isinstance(socketio.AsyncRedisManager().host_id, str), "socketio's Redis manager has no host_id"
    for name in ("_writer", "_parser", "_post_start"):
        assert hasattr(web.WebSocketResponse(), name), f"aiohttp's WebSocketResponse has no {name}"
    for name in ("_message_tail", "_payload_parser"):
        assert name in RequestHandler.__slots__, f"aiohttp's RequestHandler has no {name}"


async def _no_event(socket: str, event: str, arguments: list[Any]) -> Answer:
    return Answer({})
