"""A network that tests can spoil: UDP and TCP relays on loopback with loss, a narrow downlink, an off switch."""

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
    down_bps: float | None = None
    """What the link to each client carries (UDP payload); None: everything. What would wait longer than `queue_s`
    is dropped."""
    queue_s: float = 0.25
    lost: int = 0
    passed: int = 0
    overflowed: int = 0
    """Datagrams dropped since the queue of the narrow link was full."""
    _free_s: dict[Address, float] = field(default_factory=dict)
    """When the link to a client will have sent all that waits."""

    def __post_init__(self) -> None:
        self.up.set()

    def delay_s(self, to: Address, size: int, now: float) -> float | None:
        """How long a datagram is on its way through the narrow link to a client; None: it is dropped."""
        if self.down_bps is None:
            return 0.0
        wait_s = max(self._free_s.get(to, 0.0) - now, 0.0)
        if wait_s > self.queue_s:
            self.overflowed += 1
            return None
        delay_s = wait_s + size * 8 / self.down_bps
        self._free_s[to] = now + delay_s
        return delay_s

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
                    relay._send_down(data, addr)

        upstream, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            Upstream, remote_addr=self._target
        )
        self._upstreams[addr] = upstream
        for data in self._opening.pop(addr):
            upstream.sendto(data)

    def _send_down(self, data: bytes, addr: Address) -> None:
        loop = asyncio.get_running_loop()
        delay_s = self._conditions.delay_s(addr, len(data), loop.time())
        if delay_s == 0:
            self._transport.sendto(data, addr)
        elif delay_s is not None:
            loop.call_later(delay_s, self._transport.sendto, data, addr)

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
