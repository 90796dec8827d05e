"""The one UDP socket of a worker: read in place, sorted by first byte and source, sent with GSO where it works.

What comes from an address that no valid STUN check has bound is STUN or nothing: it reaches no transport.
"""

import asyncio
import errno
import logging
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Protocol

from mediaserver.base.errors import StartError
from mediaserver.media import srtp
from mediaserver.media.stun import Address

log = logging.getLogger(__name__)

SLOT: Final = 2048
"""Room for one datagram; nothing longer than 1,500 bytes is taken."""
BATCH: Final = 48
"""Datagrams read per wake-up, so that timers and the control channel get their turn."""

_MAX_DATAGRAM: Final = 1500
_SOCKET_BUFFER: Final = 4 << 20
_SOL_UDP, _UDP_SEGMENT = 17, 103
_RUN_REFUSED: Final = frozenset({errno.EINVAL, errno.EMSGSIZE})
"""Answers to a run that this route cannot take, such as one of packets beyond its MTU."""
_GSO_REFUSED: Final = frozenset({errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP})
"""Answers of a network card or kernel that cannot do it at all."""


class Receiver(Protocol):
    """What an address is bound to. The datagram is the first `size` bytes of the port's memory at `offset`."""

    def receive_media(self, offset: int, size: int) -> None: ...
    def receive_dtls(self, data: bytes) -> None: ...


class Port:
    """`owners` maps bound addresses to receivers; `on_stun` takes (data, address) and may give an answer;
    `on_drained` is called when the datagrams that waited have been handed on."""

    def __init__(
        self,
        ip: str,
        port: int,
        owners: dict[Address, Any],
        on_stun: Callable[[bytes, Address], bytes | None],
        on_drained: Callable[[], None],
        gso: bool = True,
    ) -> None:
        self._owners: dict[Address, Receiver] = owners
        self._on_stun, self._on_drained = on_stun, on_drained
        self.memory = srtp.Memory(BATCH * SLOT)
        self.scratch = srtp.Memory(SLOT)
        """Where single packets are encrypted before they are sent."""
        self._slots = [(at, self.memory.view[at : at + SLOT]) for at in range(0, BATCH * SLOT, SLOT)]
        self.dropped: Counter[str] = Counter()
        self._sock = _open(ip, port)
        self.port: int = self._sock.getsockname()[1]
        self.gso = gso and _probe_gso()
        self._segment: dict[int, Any] = {}

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._sock.fileno(), self._read)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._sock.fileno())
        self._sock.close()

    def _read(self) -> None:
        receive, owners, dropped = self._sock.recvfrom_into, self._owners, self.dropped
        for offset, slot in self._slots:
            try:
                size, address = receive(slot)
            except BlockingIOError:
                break
            except OSError:  # an ICMP error of something sent before
                dropped["socket_error"] += 1
                continue
            if not 0 < size <= _MAX_DATAGRAM:
                dropped["size"] += 1
                continue
            first = slot[0]
            owner = owners.get(address)
            if 127 < first < 192:
                if owner is None:
                    dropped["stranger"] += 1
                elif size < 12:
                    dropped["size"] += 1
                else:
                    owner.receive_media(offset, size)
            elif first < 4:
                answer = self._on_stun(bytes(slot[:size]), address)
                if answer is not None:
                    self.send(answer, address)
            elif owner is None:
                dropped["stranger"] += 1
            elif 19 < first < 64:
                owner.receive_dtls(bytes(slot[:size]))
            else:
                dropped["unknown"] += 1
        self._on_drained()

    def send(self, data: bytes | memoryview, address: Address) -> None:
        """Send one datagram; a full socket buffer loses it, as the network might."""
        try:
            self._sock.sendto(data, address)
        except BlockingIOError:
            self.dropped["send_full"] += 1
        except OSError:
            self.dropped["send_error"] += 1

    def send_run(self, run: memoryview, size: int, address: Address) -> None:
        """Send a run of datagrams of `size` bytes each (the last may be shorter), laid end to end."""
        if not self.gso:
            self._send_singly(run, size, address)
            return
        control = self._segment.get(size)
        if control is None:
            control = self._segment[size] = [(_SOL_UDP, _UDP_SEGMENT, size.to_bytes(2, "little"))]
        try:
            self._sock.sendmsg((run,), control, 0, address)
        except BlockingIOError:
            self.dropped["send_full"] += -(-len(run) // size)
        except OSError as error:
            self._gso_failed(error, run, size, address)

    def _gso_failed(self, error: OSError, run: memoryview, size: int, address: Address) -> None:
        if error.errno in _GSO_REFUSED:
            log.warning("GSO does not work here, sending packets singly", extra={"errno": error.errno})
            self.gso = False
        elif error.errno not in _RUN_REFUSED:
            self.dropped["send_error"] += 1
            return
        self._send_singly(run, size, address)

    def _send_singly(self, run: memoryview, size: int, address: Address) -> None:
        for at in range(0, len(run), size):
            self.send(run[at : at + size], address)


def _open(ip: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((ip, port))
    except OSError as error:
        sock.close()
        raise StartError(f"UDP port {port} of {ip} cannot be opened for media: {error.strerror}") from error
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER)
    return sock


def _probe_gso() -> bool:
    """Whether the kernel cuts a send into segments: asked on a socket of our own, with real datagrams."""
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
