"""The UDP port of a worker: a listening socket and a connected socket for each client, read without copying.

Only STUN is accepted on routes that are not bound (see `ice`): nothing else from there reaches a transport.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from mediaserver.base.errors import StartError
from mediaserver.media.net import srtp
from mediaserver.media.net.route import Route
from mediaserver.media.net.send_socket import IP_PKTINFO, Gso, SendSocket, local_address, source_control

log = logging.getLogger(__name__)

SLOT: Final = 2048
"""Buffer size of a datagram; datagrams above 1,500 bytes are dropped."""
BATCH: Final = 48
"""Datagrams read per wake-up, so that timers and the control channel are served, too."""

_MAX_DATAGRAM: Final = 1500
_LISTENING_BUFFER: Final = 4 << 20
_LEG_BUFFER: Final = 1 << 20
_CONTROL_BYTES: Final = 128


class Receiver(Protocol):
    """Receives the datagrams of a bound route. A datagram is `size` bytes of the port's memory at `offset`."""

    def receive_media(self, offset: int, size: int) -> None: ...
    def receive_dtls(self, data: bytes) -> None: ...


class Port:
    """The port of one worker.

    `owners` maps bound routes to receivers. `on_stun` gets a STUN message and its route and returns the answer.
    `on_drained` is called after all waiting datagrams were delivered.
    """

    def __init__(
        self,
        ip: str,
        port: int,
        owners: dict[Route, Any],
        on_stun: Callable[[bytes, Route], Sequence[bytes]],
        on_drained: Callable[[], None],
        gso: bool = True,
    ) -> None:
        self._owners: dict[Route, Receiver] = owners
        self._on_stun, self._on_drained = on_stun, on_drained
        self.memory = srtp.Memory(BATCH * SLOT)
        self.scratch = srtp.Memory(SLOT)
        """Buffer in which single packets are encrypted before they are sent."""
        self._slots = [(at, self.memory.view[at : at + SLOT]) for at in range(0, BATCH * SLOT, SLOT)]
        self.dropped: Counter[str] = Counter()
        self._sock = _open(ip, port)
        self.port: int = self._sock.getsockname()[1]
        self._gso = Gso(gso)
        self._connected: dict[SendSocket, socket.socket] = {}

    @property
    def gso(self) -> bool:
        """Whether the kernel splits runs into datagrams."""
        return self._gso.works

    @gso.setter
    def gso(self, works: bool) -> None:
        self._gso.works = works

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._sock.fileno(), self._read_listening)

    def close(self) -> None:
        for send_socket in list(self._connected):
            self.close_send_socket(send_socket)
        asyncio.get_running_loop().remove_reader(self._sock.fileno())
        self._sock.close()

    # ------------------------------------------------------------------------------------------ send sockets

    def open_send_socket(self, route: Route) -> SendSocket:
        """Return a send socket to a client. If no socket can be opened, it shares the listening one."""
        try:
            sock = self._connect(route)
        except OSError as error:
            log.warning(
                "no socket could be opened for a client; it shares the listening socket",
                extra={"errno": error.errno},
            )
            return SendSocket(self._sock, route, self.dropped, self._gso, connected=False)
        send_socket = SendSocket(sock, route, self.dropped, self._gso, connected=True)
        self._connected[send_socket] = sock
        asyncio.get_running_loop().add_reader(sock.fileno(), self._read_connected, sock, route)
        return send_socket

    def close_send_socket(self, send_socket: SendSocket) -> None:
        sock = self._connected.pop(send_socket, None)
        if sock is not None:
            asyncio.get_running_loop().remove_reader(sock.fileno())
            sock.close()

    def _connect(self, route: Route) -> socket.socket:
        """Open a socket on our port that is connected to the client.

        The listening socket allows other sockets on its port only for this moment: no other process can bind to
        it.
        """
        sock = socket.socket(self._sock.family, socket.SOCK_DGRAM)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LEG_BUFFER)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LEG_BUFFER)
            sock.bind((route.local, self.port, *route.remote[2:]))  # IPv6: flow and scope as the client's
            sock.connect(route.remote)
        except OSError:
            sock.close()
            raise
        finally:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        return sock

    # ------------------------------------------------------------------------------------------ receiving

    def _read_connected(self, sock: socket.socket, route: Route) -> None:
        receive, remote = sock.recvfrom_into, route.remote
        for offset, slot in self._slots:
            try:
                size, address = receive(slot)
            except BlockingIOError:
                break
            except OSError:  # an ICMP error of an earlier datagram, or the datagram just read closed the socket
                if sock.fileno() < 0:
                    break
                self.dropped["socket_error"] += 1
                continue
            if address == remote:
                self._sort(offset, slot, size, route)
            else:  # it arrived before the socket was connected
                self._sort(offset, slot, size, Route(route.local, address))
        self._on_drained()

    def _read_listening(self) -> None:
        receive = self._sock.recvmsg_into
        for offset, slot in self._slots:
            try:
                size, control, _, address = receive((slot,), _CONTROL_BYTES)
            except BlockingIOError:
                break
            except OSError:
                self.dropped["socket_error"] += 1
                continue
            local = local_address(control)
            if local is None:
                self.dropped["no_destination"] += 1
            else:
                self._sort(offset, slot, size, Route(local, address))
        self._on_drained()

    def _sort(self, offset: int, slot: memoryview, size: int, route: Route) -> None:
        if not 0 < size <= _MAX_DATAGRAM:
            self.dropped["size"] += 1
            return
        first = slot[0]
        owner = self._owners.get(route)
        if 127 < first < 192:
            if owner is None:
                self.dropped["stranger"] += 1
            elif size < 12:
                self.dropped["size"] += 1
            else:
                owner.receive_media(offset, size)
        elif first < 4:
            for datagram in self._on_stun(bytes(slot[:size]), route):
                self.send(datagram, route)
        elif owner is None:
            self.dropped["stranger"] += 1
        elif 19 < first < 64:
            owner.receive_dtls(bytes(slot[:size]))
        else:
            self.dropped["unknown"] += 1

    def send(self, data: bytes, route: Route) -> None:
        """Send a STUN message from our address of the route: clients only accept answers from the address to
        which they sent (RFC 8445 section 7.2.5.2.1)."""
        try:
            self._sock.sendmsg((data,), (source_control(route.local),), 0, route.remote)
        except OSError:
            self.dropped["send_error"] += 1


def _open(ip: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        sock.bind((ip, port))
    except OSError as error:
        sock.close()
        raise StartError(f"UDP port {port} of {ip} cannot be opened for media: {error.strerror}") from error
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LISTENING_BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LISTENING_BUFFER)
    return sock
