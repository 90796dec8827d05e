"""The DTLS end of one transport: always the passive one, over datagrams that come from its bound addresses only.

aiortc's DTLS sees handshake records, alerts and nothing else; a flood of them is cut at a bounded queue.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters

from mediaserver.media import srtp
from mediaserver.media.messages import Fingerprint

log = logging.getLogger(__name__)

HANDSHAKE_S: Final = 30.0
MAX_RECORD: Final = 1500
_QUEUED: Final = 32


class _Path:
    """What aiortc takes for the ICE transport: received datagrams out of a queue, sent ones to a callback."""

    role = "controlled"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send_datagram = send
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUED + 1)

    def put(self, data: bytes) -> bool:
        if self._queue.qsize() >= _QUEUED:
            return False
        self._queue.put_nowait(data)
        return True

    def close(self) -> None:
        if not self._queue.full():
            self._queue.put_nowait(None)

    async def _recv(self) -> bytes:
        data = await self._queue.get()
        if data is None:
            raise ConnectionError
        return data

    async def _send(self, data: bytes) -> None:
        self._send_datagram(data)


class Dtls:
    """Handshake and end of one DTLS association. `on_keys` is called once connected, `on_end` once at the end,
    with the reason, unless `close` came first."""

    def __init__(
        self,
        certificate: RTCCertificate,
        send: Callable[[bytes], None],
        on_keys: Callable[[srtp.Keys], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._path = _Path(send)
        self._dtls = srtp.dtls_server(self._path, certificate)
        self._on_keys, self._on_end = on_keys, on_end
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._dtls.on("statechange", self._state_changed)

    @property
    def started(self) -> bool:
        return self._task is not None

    def receive(self, data: bytes) -> bool:
        """A datagram from a bound address; False when it was thrown away."""
        return 0 < len(data) <= MAX_RECORD and self._path.put(data)

    def start(self, fingerprints: list[Fingerprint]) -> None:
        """Begin to answer the client's handshake; its certificate must match `fingerprints` (RFC 8122)."""
        wanted = RTCDtlsParameters([RTCDtlsFingerprint(one.algorithm, one.value) for one in fingerprints])
        self._task = asyncio.create_task(self._run(wanted), name="dtls")

    async def close(self) -> None:
        """Send close_notify and end; `on_end` is not called."""
        self._on_end = _ignore
        if self._task is not None:
            await self._dtls.stop()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, wanted: RTCDtlsParameters) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                await self._dtls.start(wanted)
        except TimeoutError:
            self._on_end("dtls_timeout")
            return
        except Exception:  # a hostile handshake must end one transport, not the worker
            log.exception("DTLS handshake broke")
            self._on_end("dtls_failed")
            return
        if self._dtls.state != "connected":
            self._on_end("dtls_failed")
            return
        self._on_keys(srtp.take_keys(self._dtls))
        try:
            await self._ended.wait()
            self._on_end("client_closed")
        finally:
            self._path.close()

    def _state_changed(self) -> None:
        if self._dtls.state == "closed":
            self._ended.set()


def _ignore(_reason: str) -> None:
    """What an end means after `close`: nothing."""
