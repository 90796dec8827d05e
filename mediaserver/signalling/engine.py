"""python-engineio's server with limits: requests are charged, bodies are bounded, upgrades have a deadline.

Engine.IO (protocol 4) carries Socket.IO packets over WebSocket or over HTTP long polling.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

import engineio
from aiohttp import web
from engineio.async_drivers import aiohttp as eio_aiohttp
from engineio.async_socket import AsyncSocket

from mediaserver.signalling.connections import Connection, Connections
from mediaserver.signalling.costs import POLL, frame_cost
from mediaserver.signalling.metered_websocket import MeteredWebSocket

MAX_PACKETS_PER_REQUEST: Final = 64
"""Packets per request of a polling client. Browsers send everything that was queued during the last request."""
_BODY_S: Final = 10.0
_UPGRADE_S: Final = 30.0
"""An upgrade first ends the client's poll and then takes two more round trips. A client that opens a connection
for each request needs about eight round trips with TLS: 16 s on a mobile link."""
LAST_WORDS_S: Final = 0.5
"""How long a polling client that was cut off may fetch the reason."""
_MAX_POLLS: Final = 4
"""Concurrent GET requests of a connection: one, and some whose end was not noticed yet."""
_SEPARATOR: Final = "\x1e"
_PACKET: Final = re.compile(r"4[0-9]|[0-35-9][^\[{]{0,16}\Z")
"""A message with a Socket.IO packet, or a packet with almost no data. engineio would parse other data as JSON
of any depth."""
_BODY: Final = web.RequestKey("engineio_body", bytes)


class OutQueue(asyncio.Queue[Any]):
    """A queue that knows whether its consumer waits: then all earlier items have been written."""

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


class EngineWebSocket(eio_aiohttp.WebSocket):  # type: ignore[misc]  # engineio has no types
    """The driver's WebSocket with limits and without compression, accessible from its Engine.IO socket."""

    def __init__(self, handler: Any, server: "EngineServer") -> None:
        super().__init__(handler, server)
        self._engine_socket = handler.__self__
        self.socket: MeteredWebSocket | None = None

    async def __call__(self, environ: dict[str, Any]) -> Any:
        socket = self._engine_socket
        connection = self.server.connections.get(socket.sid)
        upgrade = bool(socket.connected)
        if connection is None or (upgrade and connection.upgrading):
            return web.Response(status=400, text="This connection cannot be upgraded.")
        meter = self.server.connections.websocket_meter(connection)
        self._sock = self.socket = MeteredWebSocket(meter, self.server.max_http_buffer_size)
        connection.upgrading = upgrade
        try:
            await self._sock.prepare(environ["aiohttp.request"])
            self.environ = environ
            socket.wire = self
            deadline = asyncio.get_running_loop().call_later(_UPGRADE_S, self._check_upgraded)
            try:
                await self.handler(self)
            finally:
                deadline.cancel()
        finally:
            connection.upgrading = False
            if not socket.upgraded:
                socket.upgrading = False  # otherwise engineio would answer polls immediately forever
            # engineio leaves a socket open when its handler fails, or when an upgrade does.
            if socket.upgraded or not upgrade:
                if not socket.closed:
                    await socket.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_ERROR)
                self.server.forget(socket)
        return self._sock

    async def wait(self) -> Any:
        """Return the next packet; anything that is not a packet closes the connection."""
        data = await super().wait()
        if not isinstance(data, str) or not _PACKET.match(data):
            raise OSError("not an Engine.IO packet")
        return data

    @property
    def transport(self) -> asyncio.Transport | None:
        return None if self.socket is None else self.socket.transport

    def _check_upgraded(self) -> None:
        if not self._engine_socket.upgraded and (transport := self.transport) is not None:
            transport.abort()


class EngineServer(engineio.AsyncServer):  # type: ignore[misc]
    """The Engine.IO server. Its owner sets `connections` and `network` before it serves."""

    connections: Connections
    network: Callable[[web.Request], str]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        driver = vars(self)["_async"]
        self._async: dict[str, Any] = {**driver, "websocket": EngineWebSocket, "translate_request": _environ}
        self._pings: dict[str, asyncio.Task[Any]] = {}

    def create_queue(self, *args: Any, **kwargs: Any) -> OutQueue:
        return OutQueue()

    def start_background_task(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        """Remember the task that pings a socket, so that it can be canceled with the socket."""
        task = super().start_background_task(target, *args, **kwargs)
        owner = getattr(target, "__self__", None)
        if isinstance(owner, AsyncSocket):
            self._pings[owner.sid] = task
            task.add_done_callback(lambda done: self._pinged(owner.sid, done))
        return task

    def forget(self, socket: Any) -> None:
        """Forget a closed socket, which engineio itself would keep for some more pings."""
        if self.sockets.get(socket.sid) is socket:
            del self.sockets[socket.sid]
        if (ping := self._pings.pop(socket.sid, None)) is not None:
            ping.cancel()

    def _pinged(self, sid: str, done: "asyncio.Task[Any]") -> None:
        if self._pings.get(sid) is done:
            del self._pings[sid]

    async def handle_request(self, request: web.Request) -> Any:
        connection = self.connections.get(request.query.get("sid", ""))
        if "sid" not in request.query:
            await self._delay(request)
        elif connection is not None and request.method == "POST":
            request[_BODY] = await self._body(request, connection)
        elif connection is not None and request.method == "GET":
            return await self._poll(request, connection)
        return await super().handle_request(request)

    async def _delay(self, request: web.Request) -> None:
        """Delay a network that connects repeatedly without signing in."""
        loop = asyncio.get_running_loop()
        delay_s = self.connections.networks.handshake(self.network(request), loop.time())
        if delay_s:
            await asyncio.sleep(delay_s)

    async def _poll(self, request: web.Request, connection: Connection) -> Any:
        if connection.polls >= _MAX_POLLS:
            raise web.HTTPTooManyRequests(headers={"Retry-After": "1"})
        if not connection.over:  # otherwise it fetches the reason
            await self._charge(connection, POLL)
        connection.polls += 1
        try:
            return await super().handle_request(request)
        finally:
            connection.polls -= 1

    async def _body(self, request: web.Request, connection: Connection) -> bytes:
        """Return the packets of a polling client, which are read only within its limits."""
        length = request.content_length
        if length is None:
            raise web.HTTPLengthRequired
        if "Content-Encoding" in request.headers:
            raise web.HTTPUnsupportedMediaType(text="Packets must not be compressed.")
        if length > connection.message_limit:
            self.connections.abuse(connection, "too_large")
            raise web.HTTPRequestEntityTooLarge(connection.message_limit, length)
        await self._charge(connection, frame_cost(length))
        try:
            async with asyncio.timeout(_BODY_S):
                body = await request.content.readexactly(length)
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        except asyncio.IncompleteReadError:
            raise web.HTTPBadRequest from None
        packets = body.decode(errors="replace").split(_SEPARATOR, MAX_PACKETS_PER_REQUEST)
        if len(packets) > MAX_PACKETS_PER_REQUEST or not all(map(_PACKET.match, packets)):
            if (socket := self.sockets.get(connection.id)) is not None:
                await socket.close(wait=False, abort=True, reason=self.reason.TRANSPORT_ERROR)
            raise web.HTTPBadRequest(text="The body must consist of Engine.IO packets.")
        await self._charge(connection, (len(packets) - 1) * frame_cost(0))
        return body

    async def _charge(self, connection: Connection, cost: float) -> None:
        if not self.connections.charge(connection, cost):
            # The reason is the answer to a poll: a client that sees the refusal first may stop polling.
            await asyncio.sleep(LAST_WORDS_S)
            raise web.HTTPTooManyRequests(headers={"Retry-After": "1"})


class _Input:
    """Provides engineio with a body that was read already."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self, length: int) -> bytes:
        return self._body[:length]


def _environ(request: web.Request) -> dict[str, Any]:
    environ: dict[str, Any] = eio_aiohttp.translate_request(request)
    if (body := request.get(_BODY)) is not None:
        environ["wsgi.input"] = _Input(body)
    return environ
