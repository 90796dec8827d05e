"""The egress process: receives tapped packets from media workers and stores them in capture journals.

It is controlled by a channel. When the channel closes or SIGTERM arrives, it closes and flushes all journals
and exits. When it is killed, at most the last `flush_ms` are missing.
"""

import asyncio
import contextlib
import logging
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import uvloop
from pydantic import BaseModel, ConfigDict

from mediaserver.base.errors import NotFound, Unavailable
from mediaserver.base.logs import configure_logging
from mediaserver.base.processes.channel import Body, Channel
from mediaserver.base.processes.disk import FreeBytes, free_bytes
from mediaserver.base.processes.supervision import periodic
from mediaserver.media.tapping import framing
from mediaserver.recording.capture import journal
from mediaserver.recording.capture.capture import NO_SPACE, Capture, Manifest
from mediaserver.recording.capture.disk_watch import DiskWatch
from mediaserver.recording.capture.journal import Header
from mediaserver.recording.capture.writer import Disk, JournalFile, now_ns

log = logging.getLogger(__name__)

_SYNC_EVERY_S: Final = 3.0
_LOOK_EVERY_S: Final = 1.0
_KINDS: Final = {framing.RTP: journal.RTP, framing.SENDER_REPORT: journal.SENDER_REPORT}


class Configure(BaseModel):
    """The first request. Workers connect to `socket`."""

    model_config = ConfigDict(frozen=True)

    captures: Path
    socket: Path
    flush_ms: int
    min_free_bytes: int
    stop_notice_s: float = 60.0
    log_level: str = "info"
    log_format: str = "text"


class Egress:
    """The running recordings and their journals."""

    def __init__(
        self,
        event: Callable[[str, Body], None],
        free: FreeBytes = free_bytes,
        look_every_s: float = _LOOK_EVERY_S,
    ) -> None:
        self._event, self._free, self._look_every_s = event, free, look_every_s
        self._disk = Disk()
        self._recordings: dict[str, Capture] = {}
        self._files: set[JournalFile] = set()
        self._taps: dict[int, JournalFile] = {}
        # Workers may still send with numbers that an earlier egress process assigned.
        self._next_tap = secrets.randbits(30)
        self._server: asyncio.Server | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._watch = DiskWatch(0, 0.0)
        self._flush_lock = asyncio.Lock()
        self._settings: Configure | None = None
        self._handlers: dict[str, Callable[[Body], Awaitable[Body]]] = {
            "configure": self._configure,
            "start_recording": self._start,
            "add_track": self._add_track,
            "mark_track": self._mark_track,
            "end_track": self._end_track,
            "stop_recording": self._stop,
            "status": self._status,
        }

    async def handle(self, op: str, body: Body) -> Body:
        return await self._handlers[op](body)

    async def close(self) -> None:
        """Write everything to the disk and close all journals."""
        if self._server:
            self._server.close()
        for task in (self._flushing, self._watching):
            if task:
                task.cancel()
        now = now_ns()
        for file in self._files:
            file.end(now)
        await self._flush(sync=True)
        for capture in self._recordings.values():
            _close_capture(capture, now, "shutdown")
        self._disk.stop()
        if self._settings:
            self._settings.socket.unlink(missing_ok=True)

    # ---------------------------------------------------------------------------------- control

    async def _configure(self, body: Body) -> Body:
        settings = self._settings = Configure.model_validate(body)
        configure_logging(settings.log_level, "json" if settings.log_format == "json" else "text")
        try:
            settings.captures.mkdir(parents=True, exist_ok=True)
            settings.socket.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(
                self._read_taps, settings.socket, limit=2 * framing.MAX_BATCH
            )
            settings.socket.chmod(0o600)
        except OSError as error:
            raise Unavailable("egress_start", f"{error.filename or settings.socket}: {error.strerror}") from error
        self._watch = DiskWatch(settings.min_free_bytes, settings.stop_notice_s)
        self._flushing = asyncio.create_task(self._flush_forever(settings.flush_ms / 1000), name="flush")
        self._watching = asyncio.create_task(self._watch_forever(), name="disk watch")
        return {}

    async def _start(self, body: Body) -> Body:
        assert self._settings, "configure comes first"
        manifest = Manifest.model_validate(body)
        if manifest.recording in self._recordings:
            return {}
        capture = Capture.named(self._settings.captures, manifest.recording)
        try:
            await self._disk.run(self._require_room, capture, self._settings)
            await self._disk.run(capture.begin, manifest)
            self._disk.written[manifest.recording] = await self._disk.run(capture.journal_bytes)
        except OSError as error:
            raise Unavailable(_reason(error), f"the recording cannot be written: {error.strerror}") from error
        self._recordings[manifest.recording] = capture
        return {}

    def _require_room(self, capture: Capture, settings: Configure) -> None:
        """Raises: Unavailable("disk_full"). Recordings that continue after a fault are left to the disk watch."""
        free = self._free(settings.captures)
        if capture.manifest() is None and (free < settings.min_free_bytes or self._watch.warned):
            log.warning("too little free disk to record", extra={"free_mib": free >> 20})
            raise Unavailable("disk_full", "The server is short of disk space and cannot record now.")

    async def _add_track(self, body: Body) -> Body:
        assert self._settings, "configure comes first"
        header = Header.model_validate(body)
        capture = self._capture(header.recording)
        self._end_files(header.recording, header.track)
        try:
            file = await self._disk.open(capture.next_journal(header.track), header)
        except OSError as error:
            await self._fail(header.recording, error)
            raise Unavailable(_reason(error), f"the track cannot be written: {error.strerror}") from error
        self._files.add(file)
        self._next_tap += 1
        self._taps[self._next_tap] = file
        return {"tap": self._next_tap, "path": str(self._settings.socket)}

    async def _mark_track(self, body: Body) -> Body:
        for file in self._of(body["recording"], body["track"]):
            file.mark(now_ns(), enabled=bool(body["enabled"]))
        return {}

    async def _end_track(self, body: Body) -> Body:
        self._capture(body["recording"])
        self._end_files(body["recording"], body["track"])
        return {}

    async def _stop(self, body: Body) -> Body:
        capture = self._capture(body["recording"])
        self._end_files(body["recording"])
        await self._flush(sync=False)
        if self._recordings.pop(body["recording"], None):
            await self._disk.run(_close_capture, capture, int(body["stopped_ns"]), "stopped")
        return {}

    async def _status(self, body: Body) -> Body:
        return {
            "recordings": sorted(self._recordings),
            "tracks": [
                {"recording": file.recording, "track": file.track, "records": file.records}
                for file in self._files
                if not file.closing
            ],
            "pendingBytes": self._disk.pending,
            "droppedRecords": self._disk.dropped,
        }

    def _capture(self, recording: str) -> Capture:
        if capture := self._recordings.get(recording):
            return capture
        raise NotFound("not_recording", "no such recording is running")

    def _of(self, recording: str, track: str | None = None) -> list[JournalFile]:
        return [file for file in self._files if file.recording == recording and track in (None, file.track)]

    def _end_files(self, recording: str, track: str | None = None) -> None:
        ended, now = self._of(recording, track), now_ns()
        for file in ended:
            file.end(now)
        self._taps = {tap: file for tap, file in self._taps.items() if file not in ended}

    # ---------------------------------------------------------------------------------- taps

    async def _read_taps(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a worker's stream until it closes."""
        try:
            while True:
                length = framing.batch_length(await reader.readexactly(framing.BATCH_HEADER.size))
                for record in framing.split(await reader.readexactly(length)):
                    self._take(record)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except framing.Malformed as error:
            log.error("a tap stream is garbled, closing it", extra={"why": str(error)})
        finally:
            writer.close()

    def _take(self, record: framing.Record) -> None:
        file = self._taps.get(record.tap)
        if file is None:  # the track ended while the record was in transit
            return
        if record.kind == framing.OVERFLOW:
            file.mark(record.arrival_ns, overflow=framing.OVERFLOW_COUNT.unpack(record.data)[0])
        else:
            file.append(_KINDS[record.kind], record.arrival_ns, record.data)

    # ---------------------------------------------------------------------------------- disk

    async def _flush_forever(self, every_s: float) -> None:
        loop = asyncio.get_running_loop()
        synced = loop.time()

        async def flush() -> None:
            nonlocal synced
            sync = loop.time() - synced >= _SYNC_EVERY_S
            await self._flush(sync)
            if sync:
                synced = loop.time()
                await self._disk.run(_leave_signs, list(self._recordings.values()))

        await periodic("flushing", flush, every_s)

    async def _flush(self, sync: bool) -> None:
        async with self._flush_lock:  # a file must not be closed while another flush writes to it
            closed = await self._disk.flush(self._files, sync)
            self._files -= closed.keys()
        for file, error in closed.items():
            if error:
                await self._fail(file.recording, error)

    async def _fail(self, recording: str, error: OSError) -> None:
        """Stop a recording whose journal cannot be written."""
        await self._give_up(recording, _reason(error), str(error.strerror))

    async def _give_up(self, recording: str, reason: str, detail: str) -> None:
        """Stop a recording; what was written is composed."""
        capture = self._recordings.pop(recording, None)
        if capture is None:
            return
        log.error("recording stopped by the disk", extra={"recording": recording, "why": detail})
        self._end_files(recording)
        await self._disk.run(_close_capture, capture, now_ns(), reason)
        self._event("recording_failed", {"recording": recording, "reason": reason, "detail": detail})

    async def _watch_forever(self) -> None:
        loop = asyncio.get_running_loop()
        await periodic("watching the disk", lambda: self.look_at_disk(loop.time()), self._look_every_s)

    async def look_at_disk(self, now_s: float) -> None:
        """Warn and stop recordings when the disk fills up."""
        if not self._settings:
            return
        self._disk.forget({*self._recordings, *(file.recording for file in self._files)})
        free = await self._disk.run(self._free, self._settings.captures)
        written = {recording: self._disk.written[recording] for recording in self._recordings}
        decision = self._watch.look(free, written, now_s)
        for recording in decision.warn:
            log.warning("a recording will be stopped by the disk reserve", extra={"recording": recording})
            self._event("recording_warning", {"recording": recording, "in_s": self._settings.stop_notice_s})
        for recording in decision.withdraw:
            self._event("recording_warning", {"recording": recording, "in_s": None})
        for recording in decision.stop:
            self._end_files(recording)
            await self._flush(
                sync=False
            )  # everything that arrived must be in the journals before they are composed
            await self._give_up(recording, "disk_reserve", "it would use the disk that is reserved for others")


def _reason(error: OSError) -> str:
    return "disk_full" if error.errno in NO_SPACE else "disk_error"


def _close_capture(capture: Capture, now: int, reason: str) -> None:
    try:
        capture.stop(now, reason)
    except OSError:  # the main process closes the capture when it finds it
        log.exception("a capture could not be closed", extra={"recording": capture.name})


def _leave_signs(captures: list[Capture]) -> None:
    for capture in captures:
        with contextlib.suppress(OSError):
            capture.alive()


async def _main(fd: int) -> None:
    channel: Channel
    egress = Egress(lambda name, body: channel.event(name, body))
    channel = await Channel.open(socket.socket(fileno=fd), on_request=egress.handle)
    control = asyncio.create_task(channel.run(), name="control")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, control.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await control
    await egress.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides
    uvloop.run(_main(int(sys.argv[1])))
