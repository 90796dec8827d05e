"""DTLS for each transport: always the passive end, and only for datagrams from bound addresses.

Each step of a handshake costs the worker's event loop a fraction of a millisecond. Steps are therefore taken in
turns with pauses between them, so that forwarding waits for at most one step. Datagrams, reassembled messages
and time of an unfinished handshake are bounded.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from aiortc import RTCCertificate
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL

from mediaserver.media.core.packets.dtls_records import HandshakeReader, packed
from mediaserver.media.messages import Fingerprint
from mediaserver.media.net import srtp
from mediaserver.media.net.handshake_queue import HandshakeQueue

log = logging.getLogger(__name__)

HANDSHAKE_S: Final = 30.0
"""Timeout of a handshake, and of its first datagram after the client's address is known."""
PRESSED_S: Final = 5.0
"""Timeout of a handshake while others wait to start: three transmissions of a flight."""
MAX_OPEN: Final = 256
"""Most unfinished handshakes of a worker, of about 70 KiB each. Further ones wait."""
MAX_OPEN_PER_ADDRESS: Final = 64

MAX_RECORD: Final = 1500
_QUEUED: Final = 32
"""Most datagrams that wait for the next step of an association."""
_TURN_S: Final = 0.001
"""Longest time for steps before other work is done."""
_SHARE: Final = 0.25
"""Share of a worker's time for handshakes while several of them wait."""
_MTU: Final = 1200
_DIGESTS: Final = {"sha-256": hashes.SHA256(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512()}


class DtlsServer:
    """The DTLS associations of a worker: their certificate and the queue of their steps."""

    def __init__(self, certificate: RTCCertificate, loop: asyncio.AbstractEventLoop) -> None:
        self.context = srtp.dtls_context(certificate)
        self.queue: HandshakeQueue[Dtls] = HandshakeQueue(MAX_OPEN, MAX_OPEN_PER_ADDRESS)
        self._loop = loop
        self._timer: asyncio.Handle | None = None
        self._busy = False
        self._rested_s = 0.0
        """Time of the next step at the earliest."""

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def now(self) -> float:
        return self._loop.time()

    def call_later(self, delay_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay_s, call)

    def wake(self) -> None:
        """Schedule waiting steps, after one was added or a handshake finished."""
        if self._timer is None and not self._busy:
            self._timer = self._loop.call_at(max(self._rested_s, self._loop.time()), self._take_turn)

    def _take_turn(self) -> None:
        self._timer, self._busy = None, True
        started_s = time.thread_time()
        spent_s = 0.0
        while spent_s < _TURN_S and (dtls := self.queue.next()) is not None:
            try:
                dtls.step()
            except Exception:  # a hostile handshake may end its transport, but not the worker
                log.exception("unexpected error in a DTLS handshake")
                dtls.fail("dtls_failed")
            spent_s = time.thread_time() - started_s
        self._rested_s = self._loop.time() + spent_s * (1 / _SHARE - 1)
        self._busy = False
        if self.queue.has_ready:
            self.wake()


class Dtls:
    """A DTLS association.

    `on_keys` is called when it is connected, `on_end` once with the reason when it ends, unless `close` was
    called.
    """

    def __init__(
        self,
        server: DtlsServer,
        send: Callable[[bytes], None],
        on_keys: Callable[[srtp.Keys], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._server = server
        self._send, self._on_keys, self._on_end = send, on_keys, on_end
        self._datagrams: deque[bytes] = deque()
        self._fingerprints: list[Fingerprint] | None = None
        self._ssl: SSL.Connection | None = None
        self._reader: HandshakeReader | None = HandshakeReader()
        """Reassembly of handshake messages; None once the handshake is complete."""
        self._since_s: float | None = None
        """When the handshake started; before that, when it started to wait."""
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    @property
    def started(self) -> bool:
        return self._fingerprints is not None

    def start(self, fingerprints: list[Fingerprint]) -> None:
        """Accept the client's handshake; its certificate must match `fingerprints` (RFC 8122)."""
        self._fingerprints = fingerprints

    def receive(self, data: bytes, address: str) -> bool:
        """Queue a datagram from a bound address; return False if it was dropped.

        `address` is the key under which limits count the client's address.
        """
        if self._over or not self.started or len(self._datagrams) >= _QUEUED or not 0 < len(data) <= MAX_RECORD:
            return False
        self._datagrams.append(data)
        self._server.queue.add(self, address)
        self._server.wake()
        return True

    def check(self, now: float) -> None:
        """End a handshake that takes too long; called every second once the client's address is known."""
        if self._over or self._reader is None:
            return
        if self._datagrams and not self._server.queue.is_open(self):
            self._since_s = None  # it waits to start
            return
        if self._since_s is None:
            self._since_s = now
        limit_s = PRESSED_S if self._server.queue.is_pressed(self) else HANDSHAKE_S
        if now - self._since_s > limit_s:
            self.fail("dtls_timeout")

    def step(self) -> None:
        """Process one datagram, when it is this association's turn."""
        if self._over or not self._datagrams:
            return
        datagram = self._datagrams.popleft()
        if self._reader is None:
            self._take_record(datagram)
        else:
            self._shake_hands(self._reader, datagram)
        if self._datagrams and not self._over:
            self._server.queue.add(self, "")

    def close(self) -> None:
        """Send close_notify and end the association, without calling `on_end`."""
        if self._ssl is not None and not self._over:
            with contextlib.suppress(SSL.Error):  # an unfinished handshake cannot be shut down
                self._ssl.shutdown()
            self._flush(self._ssl)
        self._end()

    def fail(self, reason: str) -> None:
        """End the association and report the reason."""
        if not self._over:
            self._end()
            self._on_end(reason)

    # ------------------------------------------------------------------------------------------ the handshake

    def _shake_hands(self, reader: HandshakeReader, datagram: bytes) -> None:
        ssl = self._ssl
        if ssl is None:
            self._since_s = self._server.now()
            ssl = self._ssl = SSL.Connection(self._server.context)
            ssl.set_ciphertext_mtu(_MTU)
            ssl.set_accept_state()
        records = reader.read(datagram)
        if not records:
            return
        ssl.bio_write(records)
        try:
            ssl.do_handshake()
        except SSL.WantReadError:
            self._flush(ssl)
            self._set_timer(ssl)
        except SSL.Error as error:
            log.debug("DTLS handshake failed", extra={"error": repr(error)})
            self._flush(ssl)
            self.fail("dtls_failed")
        else:
            self._flush(ssl)
            self._complete(ssl)

    def _complete(self, ssl: SSL.Connection) -> None:
        keys = srtp.export_keys(ssl, server=True) if self._is_expected_peer(ssl) else None
        if keys is None:
            self.fail("dtls_failed")
            return
        self._reader = None
        self._cancel_timer()
        self._server.queue.finish(self)
        self._server.wake()
        self._on_keys(keys)

    def _is_expected_peer(self, ssl: SSL.Connection) -> bool:
        """Return whether the client's certificate matches all fingerprints of known algorithms, of which there
        must be at least one (RFC 8122 section 5)."""
        certificate = ssl.get_peer_certificate(as_cryptography=True)
        known = [one for one in self._fingerprints or () if one.algorithm.lower() in _DIGESTS]
        if certificate is None or not known:
            return False
        return all(
            certificate.fingerprint(_DIGESTS[one.algorithm.lower()]) == bytes.fromhex(one.value.replace(":", ""))
            for one in known
        )

    def _set_timer(self, ssl: SSL.Connection) -> None:
        """Schedule the retransmission of our last flight (RFC 6347 section 4.2.4)."""
        self._cancel_timer()
        timeout_s = ssl.DTLSv1_get_timeout()
        if timeout_s is not None:
            self._timer = self._server.call_later(timeout_s, self._timed_out)

    def _timed_out(self) -> None:
        ssl = self._ssl
        if ssl is None or self._over or self._reader is None:
            return
        try:
            ssl.DTLSv1_handle_timeout()
        except SSL.Error:
            self.fail("dtls_timeout")
            return
        self._flush(ssl)
        self._set_timer(ssl)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ------------------------------------------------------------------------------------------ after the
    # handshake

    def _take_record(self, datagram: bytes) -> None:
        """Handle alerts, and repetitions of the client's last flight after ours was lost; ignore anything
        else."""
        ssl = self._ssl
        assert ssl is not None
        ssl.bio_write(datagram)
        with contextlib.suppress(SSL.Error):  # nothing to read, or an alert, which the shutdown state reveals
            ssl.recv(MAX_RECORD)
        self._flush(ssl)
        if ssl.get_shutdown() & SSL.RECEIVED_SHUTDOWN:
            self.fail("client_closed")

    def _flush(self, ssl: SSL.Connection) -> None:
        """Send the datagrams that OpenSSL has written."""
        flight = bytearray()
        try:
            while True:
                flight += ssl.bio_read(1 << 15)
        except SSL.WantReadError:
            pass
        for datagram in packed(bytes(flight), _MTU):
            self._send(datagram)

    def _end(self) -> None:
        self._over = True
        self._datagrams.clear()
        self._cancel_timer()
        self._ssl = self._reader = None
        self._server.queue.forget(self)
        self._server.wake()
