"""One HTTP connection: aiohttp's request handler with deadlines, and with limits of the memory it may take.

A head must be complete `header_timeout_s` after the connection was opened, or after its first byte on a kept
connection, and has at most 32 KiB. A body must keep coming at a minimum rate. All bytes of a request count
against a budget of memory until it is answered. A client that reads nothing for a minute loses its connection.

The private names of aiohttp that this needs are used here only; `self_test` checks them at start.
"""

import asyncio
import contextlib
import inspect
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from aiohttp import EMPTY_PAYLOAD, StreamReader, web, web_response

from mediaserver.base.errors import StartError
from mediaserver.base.limits.minimum_rate import MinimumRate
from mediaserver.http.connection_table import State
from mediaserver.http.guard import Guard
from mediaserver.http.memory_budget import MemoryBudget

MAX_HEAD_BYTES: Final = 32 * 1024
READ_BYTES: Final = 64 * 1024
"""Of a body that nobody reads, about twice as much is taken from the network."""
_MOST_QUEUED: Final = 256 * 1024
"""aiohttp stops reading when requests are sent ahead of answers: at most about this much."""
_HEAD_COST: Final = 3
"""A parsed head takes about three times its bytes: as received, as raw fields and as text."""
_LINGER_S: Final = 5.0
"""For so long the rest of a body that was refused is read and dropped, so that the client sees the answer."""
_PROXY_IDLE_S: Final = 3630.0
"""Trusted proxies reuse connections and must be the ones that close them."""
_WATCH_S: Final = 1.0
_WATCH_IDLE_S: Final = 2.0
_UNSENT_S: Final = 60.0
_CLOSING_S: Final = 10.0

_REQUEST_TIMEOUT: Final = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_HEAD_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


_PRODUCT: Final = "mediaserver"
"""All that answers say of what serves them: no library and no version."""


class BodyTooSlow(TimeoutError):
    """Raised where a handler reads the body: its client sends too slowly, or has stopped."""


class HttpConnection(web.RequestHandler):
    """Made for an accepted socket, whose address belongs to `network`. `proxy`: the peer is a trusted proxy."""

    __slots__ = (
        "_body", "_budget", "_closing_since_s", "_guard", "_handler_paces", "_head_bytes", "_head_due_s",
        "_heard_s", "_last_payload", "_owner", "_pace", "_sock", "_timer", "_unsent", "_wire", "network",
    )  # fmt: skip

    def __init__(
        self,
        manager: web.Server,
        guard: "Guard[HttpConnection]",
        sock: socket.socket,
        network: str,
        *,
        proxy: bool = False,
    ) -> None:
        super().__init__(
            manager,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # as in `AppRunner`: none is written
            keepalive_timeout=_PROXY_IDLE_S if proxy else guard.idle_timeout_s,
            lingering_time=_LINGER_S,
            read_bufsize=READ_BYTES,
            auto_decompress=False,
        )
        self.network = network
        self._guard, self._sock = guard, sock
        self._wire: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._head_due_s: float | None = None
        """When the head that is arriving must be complete."""
        self._last_payload: StreamReader | None = None
        """The body of the request that arrived last."""
        self._body: StreamReader | None = None
        """The body of the request in progress, as long as it is incomplete."""
        self._pace = MinimumRate(guard.body_min_bytes_per_s, guard.body_patience_s)
        self._handler_paces = False
        self._heard_s = 0.0
        """When a part of the body came last, or when we last were not reading."""
        self._budget: MemoryBudget[HttpConnection] | None = guard.strangers
        self._owner = network
        self._unsent = (0, 0.0)
        """How much of the answers waited in memory last time, and since when that has not changed."""
        self._closing_since_s: float | None = None

    # --------------------------------------------------------------- for others

    def signed_in(self, user_id: str, *, streams: bool) -> None:
        """The request in progress is this user's.

        `streams`: its handler takes the body piece by piece, so it needs no memory here, and limits how slowly it
        may come by itself.
        """
        self._handler_paces = streams
        if self._guard.strangers is not self._budget:
            return
        size = self._budget.release(self, self._owner)
        self._budget, self._owner = (None if streams else self._guard.users), user_id
        self._guard.table.change(self, State.BUSY)
        self._hold(size)

    def drop(self) -> None:
        """Close the connection at once; what is not sent yet is lost."""
        if self._wire is not None:
            self._wire.abort()
        else:  # its TLS handshake is not over
            with contextlib.suppress(OSError):  # the peer has gone already
                self._sock.shutdown(socket.SHUT_RDWR)

    def left(self) -> None:
        """The connection is over, or was never made."""
        self._guard.table.leave(self)
        self._release()
        # Protocol, requests and bodies refer to each other: what they hold would wait for the cycle collector.
        for _, payload in self._messages:
            _forget(payload)
        self._messages.clear()
        if self._last_payload is not None:
            _forget(self._last_payload)
        self._message_tail = b""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --------------------------------------------------------------- asyncio's protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wire = cast(asyncio.Transport, transport)
        self._head_due_s = self._loop.time() + self._guard.header_timeout_s
        self._timer = self._loop.call_later(_WATCH_S, self._watch)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._wire = None
        self.left()

    def data_received(self, data: bytes) -> None:
        if self._payload_parser is not None:  # a WebSocket, which has limits of its own
            super().data_received(data)
            return
        now = self._loop.time()
        in_head = self._last_payload is None or self._last_payload.is_eof()
        if data:
            if self._body is not None:
                self._pace.received(len(data), now - self._heard_s)
                self._heard_s = now
            self._hold(len(data) * (_HEAD_COST if in_head else 1))
            if self._wire is None or self._wire.is_closing():  # it held most itself
                return
        requests = self._request_count
        super().data_received(data)
        if self._request_count != requests:
            self._head_bytes, self._head_due_s = 0, None
            if self._messages:
                self._last_payload = self._messages[-1][1]
        elif in_head and data:
            self._head_goes_on(len(data), now)
        if self._body is not None and self._body.is_eof():
            self._body_is_complete()

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """The connection becomes a WebSocket."""
        super().set_parser(parser, data_received_cb)
        self._release()
        self._guard.table.change(self, State.BUSY)

    # --------------------------------------------------------------- requests

    async def _handle_request(
        self,
        request: web.BaseRequest,
        start_time: float | None,
        request_handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    ) -> tuple[web.StreamResponse, bool]:
        """aiohttp awaits this for each request, from its head to the end of its answer."""
        self._budget, self._owner = self._guard.strangers, self.network
        if request.content.is_eof():
            self._body_is_complete()
        else:
            self._body, self._handler_paces = request.content, False
            self._pace = MinimumRate(self._guard.body_min_bytes_per_s, self._guard.body_patience_s)
            self._heard_s = self._loop.time()
            self._guard.table.change(self, State.PENDING)
        try:
            return await super()._handle_request(request, start_time, request_handler)
        finally:
            self._body = None
            size = self._release()
            self._budget, self._owner = self._guard.strangers, self.network
            if self._messages:  # requests that were sent ahead are still in memory
                self._hold(min(size, _MOST_QUEUED))
            else:
                self._guard.table.change(self, State.IDLE)

    def _body_is_complete(self) -> None:
        self._body = None
        self._guard.table.change(self, State.BUSY)

    def _head_goes_on(self, size: int, now: float) -> None:
        self._head_bytes += size
        if self._head_due_s is None:
            self._head_due_s = now + self._guard.header_timeout_s
            if not self._request_in_progress:
                self._guard.table.change(self, State.PENDING)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE)

    # --------------------------------------------------------------- limits

    def _hold(self, size: int) -> None:
        if self._budget is not None and size:
            for victim in self._budget.hold(self, self._owner, size):
                victim.drop()

    def _release(self) -> int:
        return 0 if self._budget is None else self._budget.release(self, self._owner)

    def _refuse(self, answer: bytes) -> None:
        """End the connection with `answer`, unless another one is being written."""
        if self._wire is not None and not self._request_in_progress and not self._wire.is_closing():
            self._wire.write(answer)
        self.force_close()

    def _watch(self) -> None:
        """Look whether the client keeps its deadlines, again and again."""
        wire, now = self._wire, self._loop.time()
        if wire is None:
            return
        waiting = self._head_due_s is not None or self._body is not None
        self._timer = self._loop.call_later(_WATCH_S if waiting else _WATCH_IDLE_S, self._watch)
        if self._reading_paused or self._buffer_paused:  # it is we who do not read
            self._heard_s = now
            if self._head_due_s is not None:
                self._head_due_s = now + self._guard.header_timeout_s
        elif self._body is not None and not self._handler_paces and now - self._heard_s > self._pace.patience_s:
            self._body.set_exception(BodyTooSlow("the body comes too slowly"))
            self._body = None
        elif self._head_due_s is not None and now >= self._head_due_s:
            self._head_due_s = None
            # A browser that opened a connection just in case would take an answer for one to its next request.
            self._refuse(_REQUEST_TIMEOUT if self._head_bytes else b"")
        self._watch_unsent(wire, now)

    def _watch_unsent(self, wire: asyncio.Transport, now: float) -> None:
        """Abort a connection whose client reads nothing for a minute, or does not let it be closed."""
        unsent, since_s = wire.get_write_buffer_size(), self._unsent[1]
        if unsent != self._unsent[0]:
            since_s = now
            self._unsent = unsent, now
        if wire.is_closing() and self._closing_since_s is None:
            self._closing_since_s = now
        is_stuck = unsent > 0 and now - since_s >= _UNSENT_S
        if is_stuck or (
            self._closing_since_s is not None and now - max(since_s, self._closing_since_s) >= _CLOSING_S
        ):
            wire.abort()


def _forget(payload: StreamReader) -> None:
    """Free what was received and not read; nobody will."""
    if payload is not EMPTY_PAYLOAD:
        payload._buffer.clear()


def signed_in(request: web.BaseRequest, user_id: str, *, streams: bool) -> None:
    """Tell the connection of `request` whose it is; see `HttpConnection.signed_in`."""
    if isinstance(connection := request.protocol, HttpConnection):  # in tests it may be aiohttp's own
        connection.signed_in(user_id, streams=streams)


def hide_versions() -> None:
    """Say nothing of aiohttp and Python in any answer, those to malformed requests and WebSockets included."""
    web_response.SERVER_SOFTWARE = _PRODUCT  # type: ignore[attr-defined]


def self_test() -> None:
    """Raise `StartError` when aiohttp does not have the private names that this module relies on."""
    slots = {name for kind in web.RequestHandler.__mro__ for name in getattr(kind, "__slots__", ())}
    needed = {
        "_buffer_paused", "_loop", "_message_tail", "_messages", "_payload_parser", "_reading_paused",
        "_request_count", "_request_in_progress",
    }  # fmt: skip
    parameters = list(inspect.signature(web.RequestHandler._handle_request).parameters)
    if not hasattr(web_response, "SERVER_SOFTWARE"):
        raise StartError("aiohttp is not as expected: its answers name their server differently")
    if "_buffer" not in StreamReader.__slots__:
        raise StartError("aiohttp is not as expected: its StreamReader has no _buffer")
    if missing := needed - slots:
        raise StartError(f"aiohttp is not as expected: its RequestHandler has no {', '.join(sorted(missing))}")
    if parameters != ["self", "request", "start_time", "request_handler"]:
        raise StartError("aiohttp is not as expected: its RequestHandler handles requests differently")
