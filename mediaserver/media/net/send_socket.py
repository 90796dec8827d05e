"""Sends datagrams to one client, through a socket connected to it or through the listening socket.

A connected socket keeps the local address to which the client sent, whatever the kernel would choose, and looks
up its route once, which makes sending a fifth cheaper. The kernel delivers the client's datagrams to it.
"""

import errno
import logging
import socket
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from mediaserver.media.net.route import Route

log = logging.getLogger(__name__)

Datagram = bytes | memoryview
Control = tuple[int, int, bytes]
"""An item of ancillary data: level, type, bytes."""

IP_PKTINFO: Final = 8
_PKTINFO4, _PKTINFO6 = struct.Struct("=i4s4s"), struct.Struct("=16sI")
"""ip(7): interface, local address, destination; ipv6(7): address, interface."""

_SOL_UDP, _UDP_SEGMENT = 17, 103
_RUN_REFUSED: Final = frozenset({errno.EINVAL, errno.EMSGSIZE})
"""Errors for a run that this route cannot carry, such as packets beyond its MTU."""
_GSO_REFUSED: Final = frozenset({errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP})
"""Errors of a network card or kernel that does not support segmentation."""


class Gso:
    """Whether the kernel splits runs into datagrams (UDP_SEGMENT), for all send sockets of a port."""

    def __init__(self, wanted: bool) -> None:
        self.works = wanted and _probe_gso()
        self._controls: dict[int, Control] = {}

    def control(self, size: int) -> Control:
        control = self._controls.get(size)
        if control is None:
            control = self._controls[size] = (_SOL_UDP, _UDP_SEGMENT, size.to_bytes(2, "little"))
        return control


class SendSocket:
    """Sends to `route.remote`. `raw_send(datagram)` is the bare system call for the hot path, which raises
    OSError."""

    __slots__ = ("_control", "_dropped", "_gso", "_sock", "_to", "raw_send", "route")

    def __init__(
        self, sock: socket.socket, route: Route, dropped: Counter[str], gso: Gso, *, connected: bool
    ) -> None:
        self.route = route
        self._sock, self._dropped, self._gso = sock, dropped, gso
        self._control: list[Control] = [] if connected else [source_control(route.local)]
        self._to: tuple[Any, ...] = () if connected else (route.remote,)
        self.raw_send: Callable[[Datagram], int] = sock.send if connected else self._send_from
        """For connected sockets, the method of the socket itself."""

    def _send_from(self, data: Datagram) -> int:
        return self._sock.sendmsg((data,), self._control, 0, *self._to)

    def send(self, data: Datagram) -> None:
        """Send a datagram. It is dropped when the socket buffer is full, as the network might do."""
        try:
            self.raw_send(data)
        except OSError as error:
            self.lost(error, 1)

    def send_run(self, run: memoryview, size: int) -> None:
        """Send a run of consecutive datagrams of `size` bytes each; the last may be shorter."""
        if not self._gso.works:
            self._send_singly(run, size)
            return
        try:
            self._sock.sendmsg((run,), [*self._control, self._gso.control(size)], 0, *self._to)
        except OSError as error:
            if error.errno in _GSO_REFUSED:
                log.warning(
                    "UDP segmentation is not available; packets are sent one by one", extra={"errno": error.errno}
                )
                self._gso.works = False
            elif error.errno not in _RUN_REFUSED:
                self.lost(error, -(-len(run) // size))
                return
            self._send_singly(run, size)

    def _send_singly(self, run: memoryview, size: int) -> None:
        for at in range(0, len(run), size):
            self.send(run[at : at + size])

    def lost(self, error: OSError, count: int) -> None:
        """Count datagrams that were not sent. ICMP errors of earlier datagrams are reported here, too."""
        self._dropped["send_full" if isinstance(error, BlockingIOError) else "send_error"] += count


def source_control(local: str) -> Control:
    """Return ancillary data that sets the source address."""
    if ":" in local:
        packed = socket.inet_pton(socket.AF_INET6, local.partition("%")[0])
        return socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _PKTINFO6.pack(packed, 0)
    return socket.IPPROTO_IP, IP_PKTINFO, _PKTINFO4.pack(0, socket.inet_aton(local), bytes(4))


def local_address(control: list[Control]) -> str | None:
    """Return the address to which a datagram was sent, from its ancillary data."""
    for level, kind, data in control:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            return socket.inet_ntoa(_PKTINFO4.unpack(data)[1])
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            return socket.inet_ntop(socket.AF_INET6, _PKTINFO6.unpack(data)[0])
    return None


def _probe_gso() -> bool:
    """Return whether the kernel supports UDP segmentation, tested by sending datagrams to a socket of our own."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
    ):
        there.bind(("127.0.0.1", 0))
        there.setblocking(False)
        control = [(_SOL_UDP, _UDP_SEGMENT, (4).to_bytes(2, "little"))]
        try:
            here.sendmsg([b"gso?gso!"], control, 0, there.getsockname())
            return there.recv(16) == b"gso?" and there.recv(16) == b"gso!"
        except OSError:
            return False
