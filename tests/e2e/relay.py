"""A network that tests can spoil: UDP and TCP relays on loopback with loss, and with an off switch."""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from typing import cast

Address = tuple[str, int]


@dataclass
class Conditions:
    """What the network does at the moment; shared by the relays that make up one client's network."""

    loss: float = 0.0
    """Share of datagrams lost, in each direction."""
    up: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: nothing passes, datagrams are lost, TCP bytes are held back."""
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    lost: int = 0
    passed: int = 0

    def __post_init__(self) -> None:
        self.up.set()

    def loses(self) -> bool:
        lost = not self.up.is_set() or (self.loss > 0 and self.chance.random() < self.loss)
        self.lost += lost
        self.passed += not lost
        return lost


class UdpRelay(asyncio.DatagramProtocol):
    """Stands at `listen`, passes datagrams on to `target`; every client gets an upstream port of its own."""

    def __init__(self, target: Address, conditions: Conditions) -> None:
        self._target, self._conditions = target, conditions
        self._upstreams: dict[Address, asyncio.DatagramTransport] = {}
        self._opening: dict[Address, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def start(cls, listen: Address, target: Address, conditions: Conditions) -> "UdpRelay":
        loop = asyncio.get_running_loop()
        _, relay = await loop.create_datagram_endpoint(lambda: cls(target, conditions), local_addr=listen)
        return relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if self._conditions.loses():
            return
        if upstream := self._upstreams.get(addr):
            upstream.sendto(data)
        elif addr in self._opening:
            self._opening[addr].append(data)
        else:
            self._opening[addr] = [data]
            task = asyncio.create_task(self._open(addr))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self, addr: Address) -> None:
        relay = self

        class Upstream(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, _: Address) -> None:
                if not relay._conditions.loses():
                    relay._transport.sendto(data, addr)

        upstream, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            Upstream, remote_addr=self._target
        )
        self._upstreams[addr] = upstream
        for data in self._opening.pop(addr):
            upstream.sendto(data)

    async def close(self) -> None:
        self._transport.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for upstream in self._upstreams.values():
            upstream.close()
        await asyncio.sleep(0)  # transports close in the loop's next turn


class TcpRelay:
    """Passes connections on to `target`; while the network is down bytes wait, as they do on a dead link."""

    def __init__(self, target: Address, conditions: Conditions) -> None:
        self._target, self._conditions = target, conditions
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def start(cls, listen: Address, target: Address, conditions: Conditions) -> "TcpRelay":
        relay = cls(target, conditions)
        relay._server = await asyncio.start_server(relay._accept, *listen)
        return relay

    _server: asyncio.Server

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pump(reader, up_writer), self._pump(up_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(65536):
                await self._conditions.up.wait()
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError, RuntimeError):
            writer.close()

    async def close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
