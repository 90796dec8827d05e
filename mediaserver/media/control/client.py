"""The main process's handles of the media workers: typed requests and events, restarts, and selection of a
worker.

A handle outlives its process. After the process died, `on_reset` is called, because all transports are lost,
and the handle then represents the restarted process.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar

from mediaserver.base.errors import Problem, StartError, Unavailable
from mediaserver.base.processes.channel import Body, Channel, ChannelClosed
from mediaserver.base.processes.children import Child
from mediaserver.media import messages as m

log = logging.getLogger(__name__)

Reply = TypeVar("Reply", bound=m.Message)
WorkerEvent = Callable[["MediaWorker", m.Event], None]
WorkerReset = Callable[["MediaWorker"], None]

_PICK_WAIT_S: Final = 5.0


@dataclass(slots=True, frozen=True)
class WorkerSettings:
    """The settings of all workers (see `messages.Configure`)."""

    ip: str
    certificate: Path
    port: int = 0
    """Port of the first worker; the others use the next ones. 0 chooses free ports."""
    gso: bool = True
    max_bitrate_bps: int = 3_000_000
    max_audio_bitrate_bps: int = 256_000
    max_audio_packets_per_s: int = 200
    excess_s: float = 10.0
    log_level: str = "info"
    log_format: Literal["text", "json"] = "text"


class MediaWorker:
    """A worker process. Every request raises ChannelClosed while it is down."""

    def __init__(
        self, index: int, settings: WorkerSettings, on_event: WorkerEvent, on_reset: WorkerReset
    ) -> None:
        self.index = index
        self._settings = settings
        self._on_event, self._on_reset = on_event, on_reset
        self._configured: m.Configured | None = None
        self._channel: Channel | None = None
        self._room_of: dict[str, str] = {}
        self.up = asyncio.Event()
        self._tried = asyncio.Event()
        self._refusal: Problem | None = None
        self._child = Child(
            f"media worker {index}", "mediaserver.media.control.worker", self._event, self._configure, self._died
        )

    async def run(self) -> None:
        """Keep the process alive until canceled; then wait until it has ended."""
        await self._child.run()

    async def started(self) -> None:
        """Wait for the first start. Raises: StartError when it fails."""
        await self._tried.wait()
        if self._refusal is not None:
            raise StartError(f"media worker {self.index} cannot start: {self._refusal.detail}")

    @property
    def alive(self) -> bool:
        return self._configured is not None

    @property
    def pid(self) -> int | None:
        return self._child.pid

    @property
    def restarts(self) -> int:
        return self._child.restarts

    @property
    def load(self) -> int:
        """Number of open transports, by which a worker is chosen for a room."""
        return len(self._room_of)

    @property
    def port(self) -> int:
        """The UDP port of the running process."""
        return self._require().port

    @property
    def fingerprint(self) -> m.Fingerprint:
        """Fingerprint of the DTLS certificate, for the answers."""
        return self._require().fingerprint

    # ------------------------------------------------------------------------------------------ requests

    async def open_transport(self, request: m.OpenTransport) -> m.IceParameters:
        reply = await self._ask(request, m.IceParameters)
        self._room_of[request.transport] = request.room
        return reply

    async def connect_transport(self, request: m.ConnectTransport) -> m.Empty:
        return await self._ask(request, m.Empty)

    async def restart_ice(self, request: m.RestartIce) -> m.IceParameters:
        return await self._ask(request, m.IceParameters)

    async def close_transport(self, request: m.CloseTransport) -> m.Empty:
        self._room_of.pop(request.transport, None)
        return await self._ask(request, m.Empty)

    async def set_track(self, request: m.SetTrack) -> m.Empty:
        return await self._ask(request, m.Empty)

    async def enable_track(self, request: m.EnableTrack) -> m.Empty:
        return await self._ask(request, m.Empty)

    async def close_track(self, request: m.CloseTrack) -> m.Empty:
        return await self._ask(request, m.Empty)

    async def set_slot(self, request: m.SetSlot) -> m.Empty:
        return await self._ask(request, m.Empty)

    async def bind_slot(self, request: m.BindSlot) -> m.Empty:
        return await self._ask(request, m.Empty)

    async def resume_slot(self, request: m.ResumeSlot) -> m.Empty:
        return await self._ask(request, m.Empty)

    async def pause_slot(self, request: m.PauseSlot) -> m.Empty:
        return await self._ask(request, m.Empty)

    async def tap_track(self, request: m.TapTrack) -> m.Empty:
        return await self._ask(request, m.Empty)

    async def untap_track(self, request: m.UntapTrack) -> m.Empty:
        return await self._ask(request, m.Empty)

    async def get_stats(self) -> m.Stats:
        return await self._ask(m.GetStats(), m.Stats)

    # ------------------------------------------------------------------------------------------ the process

    async def _ask(self, request: m.Request, reply: type[Reply]) -> Reply:
        if self._channel is None or self._configured is None:
            raise ChannelClosed
        return reply.model_validate(await self._channel.request(request.op, request.model_dump()))

    def _require(self) -> m.Configured:
        if self._configured is None:
            raise ChannelClosed
        return self._configured

    async def _configure(self, channel: Channel) -> None:
        settings = self._settings
        request = m.Configure(
            ip=settings.ip,
            port=settings.port + self.index if settings.port else 0,
            certificate=str(settings.certificate),
            gso=settings.gso,
            max_bitrate_bps=settings.max_bitrate_bps,
            max_audio_bitrate_bps=settings.max_audio_bitrate_bps,
            max_audio_packets_per_s=settings.max_audio_packets_per_s,
            excess_s=settings.excess_s,
            log_level=settings.log_level,
            log_format=settings.log_format,
        )
        try:
            answer = await channel.request(request.op, request.model_dump())
        except Problem as problem:
            self._refusal = problem
            self._tried.set()
            raise
        self._refusal = None
        self._configured = m.Configured.model_validate(answer)
        self._channel = channel
        self.up.set()
        self._tried.set()
        log.info("media worker runs", extra={"worker": self.index, "port": self._configured.port})

    def _died(self) -> None:
        was_up = self._configured is not None
        self._configured = self._channel = None
        self._room_of.clear()
        self.up.clear()
        if was_up:
            self._on_reset(self)

    def _event(self, name: str, body: Body) -> None:
        event = m.EVENTS[name].model_validate(body)
        if isinstance(event, m.TransportChanged) and event.state == "closed":
            self._room_of.pop(event.transport, None)
        self._on_event(self, event)


class MediaWorkers:
    """The pool of workers. A room uses a single worker: call `pick` once per room."""

    def __init__(self, count: int, settings: WorkerSettings) -> None:
        self._on_event: WorkerEvent | None = None
        self._on_reset: WorkerReset | None = None
        self.workers = [MediaWorker(index, settings, self._event, self._reset) for index in range(count)]

    def listen(self, on_event: WorkerEvent, on_reset: WorkerReset) -> None:
        """Call back for events and deaths of workers. A worker that dies loses all its transports and tracks."""
        self._on_event, self._on_reset = on_event, on_reset

    async def run(self) -> None:
        """Keep all processes alive until canceled."""
        async with asyncio.TaskGroup() as group:
            for worker in self.workers:
                group.create_task(worker.run(), name=f"media worker {worker.index}")

    async def ready(self) -> None:
        """Wait until all workers run. Raises: StartError."""
        await asyncio.gather(*(worker.started() for worker in self.workers))

    async def pick(self) -> MediaWorker:
        """Return the least loaded worker. Raises: Unavailable("media_unavailable") when none is alive for 5 s."""
        waiting = [asyncio.create_task(worker.up.wait()) for worker in self.workers]
        try:
            done, _ = await asyncio.wait(waiting, timeout=_PICK_WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        alive = [worker for worker in self.workers if worker.alive]
        if not done or not alive:
            raise Unavailable("media_unavailable", "no media worker is running")
        return min(alive, key=lambda worker: worker.load)

    def _event(self, worker: MediaWorker, event: m.Event) -> None:
        if self._on_event is not None:
            self._on_event(worker, event)

    def _reset(self, worker: MediaWorker) -> None:
        if self._on_reset is not None:
            self._on_reset(worker)
