"""The listening sockets: each new connection is counted before any work, even a TLS handshake, is done for it.

When the system refuses to accept more (no descriptors, no memory), the oldest waiting connections are closed, and
accepting goes on a moment later.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from mediaserver.base.net.networks import client_network
from mediaserver.base.net.proxies import TrustedProxies
from mediaserver.http.connection import HttpConnection
from mediaserver.http.connection_table import ConnectionTable

log = logging.getLogger(__name__)

_BACKLOG: Final = 1024
_AT_ONCE: Final = 64
"""So many connections are accepted in a row; then others get their turn."""
_RETRY_S: Final = 0.1
_MADE_ROOM: Final = 16
_HANDSHAKE_S: Final = 10.0
_TLS_CLOSING_S: Final = 5.0
_LOGGED_EVERY_S: Final = 60.0

Make = Callable[[socket.socket, str, bool], HttpConnection]
"""Makes the connection for a socket, its network, and whether the peer is a trusted proxy."""


class Listener:
    """Accepts connections from `open` to `close` and hands them to what `make` makes."""

    def __init__(
        self,
        table: ConnectionTable[HttpConnection],
        make: Make,
        proxies: TrustedProxies,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._table, self._make, self._proxies, self._tls = table, make, proxies, tls
        self._sockets: list[socket.socket] = []
        self._attaching: set[asyncio.Task[None]] = set()
        self._retries: dict[socket.socket, asyncio.TimerHandle] = {}
        self._logged_s = float("-inf")

    async def open(self, host: str, port: int) -> int:
        """Listen on all addresses of `host`; return the port. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, _, _, _, address in dict.fromkeys(found):
                if not port and self._sockets:  # all addresses of a host share the free port of the first one
                    address = (address[0], self.port, *address[2:])
                self._listen(family, address)
        except OSError:
            self.close()
            raise
        return self.port

    @property
    def port(self) -> int:
        port: int = self._sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        """Stop listening; handshakes under way are broken off, connections stay."""
        loop = asyncio.get_running_loop()
        for timer in self._retries.values():
            timer.cancel()
        for listening in self._sockets:
            loop.remove_reader(listening)
            listening.close()
        self._sockets.clear()
        for task in self._attaching:
            task.cancel()

    def _listen(self, family: int, address: tuple[object, ...]) -> None:
        listening = socket.socket(family, socket.SOCK_STREAM)
        self._sockets.append(listening)
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    # --------------------------------------------------------------- accepting

    def _accept(self, listening: socket.socket) -> None:
        for number in range(_AT_ONCE):
            try:
                sock, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError as error:
                # Without a descriptor accept(2) fails even if nobody waits; at first somebody did.
                if number == 0:
                    self._starved(listening, error)
                return
            self._arrived(sock, address[0])

    def _starved(self, listening: socket.socket, error: OSError) -> None:
        """Make room and try again soon; those who connect wait in the backlog meanwhile."""
        self._say("connections cannot be accepted", why=str(error))
        for _ in range(_MADE_ROOM):
            if (victim := self._table.oldest()) is None:
                break
            self._table.leave(victim)
            victim.drop()
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)

        def again() -> None:
            del self._retries[listening]
            loop.add_reader(listening, self._accept, listening)

        self._retries[listening] = loop.call_later(_RETRY_S, again)

    def _arrived(self, sock: socket.socket, peer: str) -> None:
        sock.setblocking(False)
        network, proxy = client_network(peer), self._proxies.trusts(peer)
        connection = self._make(sock, network, proxy)
        admitted, victim = self._table.admit(connection, network, limited=not proxy)
        if victim is not None:
            self._say("connections are closed to make room for others", open=len(self._table))
            victim.drop()
        if not admitted:
            self._say("connections are refused", open=len(self._table), network=network)
            sock.close()
            return
        task = asyncio.get_running_loop().create_task(self._attach(connection, sock))
        self._attaching.add(task)
        task.add_done_callback(self._attaching.discard)

    async def _attach(self, connection: HttpConnection, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            if self._tls is None:
                await loop.connect_accepted_socket(lambda: connection, sock)
            else:
                await loop.connect_accepted_socket(
                    lambda: connection, sock, ssl=self._tls,
                    ssl_handshake_timeout=_HANDSHAKE_S, ssl_shutdown_timeout=_TLS_CLOSING_S,
                )  # fmt: skip
        except OSError:  # no TLS, or it took too long: nothing that anybody here could change
            connection.left()
            sock.close()
        except BaseException:
            connection.left()
            raise

    def _say(self, what: str, **about: object) -> None:
        """Log at most once a minute: an attack must not fill the log."""
        now = asyncio.get_running_loop().time()
        if now - self._logged_s >= _LOGGED_EVERY_S:
            self._logged_s = now
            log.warning(what, extra=about)
