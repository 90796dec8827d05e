"""The DTLS end of each transport: always the passive one, over datagrams that come from its bound addresses only.

Handshakes cost the worker's event loop a fraction of a millisecond each, so their steps are taken in turns with
pauses between them: forwarding waits for one step at most. What an unfinished handshake may hold is bounded:
datagrams, reassembled messages, time.
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
"""A handshake may take so long, and its first datagram, after the client's address is known, too."""
PRESSED_S: Final = 5.0
"""A handshake may take so long while others wait for its place: three transmissions of a flight."""
MAX_OPEN: Final = 256
"""Unfinished handshakes of one worker; each takes about 70 KiB. Further ones wait."""
MAX_OPEN_PER_ADDRESS: Final = 64

MAX_RECORD: Final = 1500
_QUEUED: Final = 32
"""Datagrams that wait for one association's next step."""
_TURN_S: Final = 0.001
"""Steps are taken for so long at most before other work gets its turn."""
_SHARE: Final = 0.25
"""The part of a worker's time that handshakes may take while there are more of them."""
_MTU: Final = 1200
_DIGESTS: Final = {"sha-256": hashes.SHA256(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512()}


class DtlsServer:
    """The associations of one worker: their certificate, and the queue of their steps."""

    def __init__(self, certificate: RTCCertificate, loop: asyncio.AbstractEventLoop) -> None:
        self.context = srtp.dtls_context(certificate)
        self.queue: HandshakeQueue[Dtls] = HandshakeQueue(MAX_OPEN, MAX_OPEN_PER_ADDRESS)
        self._loop = loop
        self._timer: asyncio.Handle | None = None
        self._busy = False
        self._rested_s = 0.0
        """Before this time no step is taken."""

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def now(self) -> float:
        return self._loop.time()

    def call_later(self, delay_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay_s, call)

    def wake(self) -> None:
        """See to it that waiting steps are taken: there is a new one, or a place has become free."""
        if self._timer is None and not self._busy:
            self._timer = self._loop.call_at(max(self._rested_s, self._loop.time()), self._take_turn)

    def _take_turn(self) -> None:
        self._timer, self._busy = None, True
        started_s = time.thread_time()
        spent_s = 0.0
        while spent_s < _TURN_S and (dtls := self.queue.next()) is not None:
            try:
                dtls.step()
            except Exception:  # a hostile handshake must end one transport, not the worker
                log.exception("DTLS handshake broke")
                dtls.fail("dtls_failed")
            spent_s = time.thread_time() - started_s
        self._rested_s = self._loop.time() + spent_s * (1 / _SHARE - 1)
        self._busy = False
        if self.queue.has_ready:
            self.wake()


class Dtls:
    """Handshake and end of one DTLS association.

    `on_keys` is called once connected, `on_end` once at the end, with the reason, unless `close` came first.
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
        """None once the handshake is complete."""
        self._since_s: float | None = None
        """When the handshake got its place; before, when it was first looked for in vain."""
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    @property
    def started(self) -> bool:
        return self._fingerprints is not None

    def start(self, fingerprints: list[Fingerprint]) -> None:
        """Begin to answer the client's handshake; its certificate must match `fingerprints` (RFC 8122)."""
        self._fingerprints = fingerprints

    def receive(self, data: bytes, address: str) -> bool:
        """Take a datagram from a bound address; False when it was thrown away.

        `address` is the client's, as limits count it.
        """
        if self._over or not self.started or len(self._datagrams) >= _QUEUED or not 0 < len(data) <= MAX_RECORD:
            return False
        self._datagrams.append(data)
        self._server.queue.add(self, address)
        self._server.wake()
        return True

    def check(self, now: float) -> None:
        """End a handshake that takes too long; called once a second as soon as the client's address is known."""
        if self._over or self._reader is None:
            return
        if self._datagrams and not self._server.queue.is_open(self):
            self._since_s = None  # it waits for a place
            return
        if self._since_s is None:
            self._since_s = now
        limit_s = PRESSED_S if self._server.queue.is_pressed(self) else HANDSHAKE_S
        if now - self._since_s > limit_s:
            self.fail("dtls_timeout")

    def step(self) -> None:
        """Process one datagram; called when it is this association's turn."""
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
        """Send close_notify and end; `on_end` is not called."""
        if self._ssl is not None and not self._over:
            with contextlib.suppress(SSL.Error):  # in the middle of the handshake there is nothing to shut down
                self._ssl.shutdown()
            self._flush(self._ssl)
        self._end()

    def fail(self, reason: str) -> None:
        """End the association and tell why."""
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
        """Whether the client's certificate matches all fingerprints of a known algorithm, of which there must be
        one (RFC 8122 section 5)."""
        certificate = ssl.get_peer_certificate(as_cryptography=True)
        known = [one for one in self._fingerprints or () if one.algorithm.lower() in _DIGESTS]
        if certificate is None or not known:
            return False
        return all(
            certificate.fingerprint(_DIGESTS[one.algorithm.lower()]) == bytes.fromhex(one.value.replace(":", ""))
            for one in known
        )

    def _set_timer(self, ssl: SSL.Connection) -> None:
        """Have our last flight sent again if no answer comes (RFC 6347 section 4.2.4)."""
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

    # ------------------------------------------------------------------------------------------ after it

    def _take_record(self, datagram: bytes) -> None:
        """Alerts, and the client's last flight again when ours was lost; anything else is ignored."""
        ssl = self._ssl
        assert ssl is not None
        ssl.bio_write(datagram)
        with contextlib.suppress(SSL.Error):  # nothing to read, or an alert: the shutdown state tells
            ssl.recv(MAX_RECORD)
        self._flush(ssl)
        if ssl.get_shutdown() & SSL.RECEIVED_SHUTDOWN:
            self.fail("client_closed")

    def _flush(self, ssl: SSL.Connection) -> None:
        """Send what OpenSSL has written."""
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
