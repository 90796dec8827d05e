"""The web server: an aiohttp application behind our own listener, which guards its connections."""

import asyncio
import contextlib
import ctypes
import socket
import ssl
from typing import Final

from aiohttp import web

from mediaserver.base.net.proxies import TrustedProxies
from mediaserver.base.processes.supervision import periodic
from mediaserver.base.settings.tree import Http
from mediaserver.http.connection import HttpConnection, hide_versions
from mediaserver.http.guard import Guard, make_guard
from mediaserver.http.listener import Listener

_SHUTDOWN_S: Final = 2.0
_RETURN_S: Final = 10.0


class WebServer:
    """Serves `app` from `open` to `close`. `descriptors` is how many files the process may open."""

    def __init__(
        self, app: web.Application, http: Http, descriptors: int, tls: ssl.SSLContext | None = None
    ) -> None:
        hide_versions()
        self._http = http
        self._dropped = 0
        self.guard: Guard[HttpConnection] = make_guard(http, descriptors)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_SHUTDOWN_S, handler_cancellation=True
        )
        self._listener = Listener(self.guard.table, self._connection, TrustedProxies(http.trusted_proxies), tls)

    async def open(self) -> int:
        """Start to listen; return the port. Raises `OSError`."""
        await self._runner.setup()
        return await self._listener.open(self._http.host, self._http.port)

    async def run(self) -> None:
        """Give memory back to the system after an attack on it, until cancelled."""
        await periodic("returning memory", self._return_memory, _RETURN_S)

    async def _return_memory(self) -> None:
        dropped = self.guard.strangers.dropped + self.guard.users.dropped
        if dropped != self._dropped:
            self._dropped = dropped
            await asyncio.to_thread(_trim)

    async def close(self) -> None:
        """Stop listening, then end the connections; requests in progress have two seconds."""
        self._listener.close()
        await asyncio.sleep(0)
        await self._runner.cleanup()

    def _connection(self, sock: socket.socket, network: str, proxy: bool) -> HttpConnection:
        server = self._runner.server
        assert server is not None, "open comes first"
        return HttpConnection(server, self.guard, sock, network, proxy=proxy)


def _trim() -> None:
    """Have glibc return freed memory, which it keeps otherwise; other C libraries have no such call."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
