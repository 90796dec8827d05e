"""A server behind a network that can be spoiled: pages reach its HTTP and its media only through relays."""

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from tests.e2e.relay import Conditions, TcpRelay, UdpRelay
from tests.e2e.server import Server

RELAY = "127.0.0.2"


class Network:
    """`url` is the server as seen through the network; `server.url` is its direct one."""

    def __init__(self, server: Server, url: str, conditions: Conditions) -> None:
        self.server, self.url, self.conditions = server, url, conditions


@contextlib.asynccontextmanager
async def spoiled(data: Path, settings: dict[str, str] | None = None) -> AsyncIterator[Network]:
    """The media worker is bound to 127.0.0.1 and announced as 127.0.0.2: there stands the relay, on its port."""
    conditions, port = Conditions(), _free_udp_port()
    told = {"media.port": str(port), "media.announced_ips": RELAY, **(settings or {})}
    udp = await UdpRelay.start((RELAY, port), ("127.0.0.1", port), conditions)
    try:
        async with Server.running(data, told) as server:
            tcp = await TcpRelay.start(("127.0.0.1", 0), ("127.0.0.1", server.port), conditions)
            try:
                yield Network(server, f"http://127.0.0.1:{tcp.port}", conditions)
            finally:
                await tcp.close()
    finally:
        await udp.close()


def _free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
