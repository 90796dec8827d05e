"""The main process's handle of the egress process; implements `rooms.interfaces.Recorder`.

A recording that was started here runs until it is stopped here: when the egress process dies, the restarted one
continues in the same capture directory.
"""

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from mediaserver.base.errors import Problem, StartError
from mediaserver.base.processes.channel import Body, Channel, ChannelClosed
from mediaserver.base.processes.children import Child
from mediaserver.base.settings.tree import Settings
from mediaserver.media.messages import Codec
from mediaserver.recording.capture.capture import Capture, Manifest
from mediaserver.recording.capture.writer import now_ns

log = logging.getLogger(__name__)

_UP_WAIT_S: Final = 5.0

LostReason = Literal["disk_full", "disk_reserve"]
OnFailed = Callable[[str, LostReason, str], None]
"""Called with a recording's id, the reason for its end and a sentence. What was captured is composed."""
OnWarning = Callable[[str, float | None], None]
"""Called with a recording's id and the seconds until it is stopped to save disk space; None withdraws the
warning."""


class EgressRecorder:
    """Starts, feeds and stops recordings. `run` keeps the egress process alive and must be running.

    `on_stopped` is called with the name of each capture directory that may be composed now.
    """

    def __init__(
        self,
        settings: Settings,
        on_stopped: Callable[[str], None],
        on_failed: OnFailed,
        on_warning: OnWarning = lambda recording, in_s: None,
    ) -> None:
        self._settings = settings
        self._captures = captures_dir(settings)
        self._on_stopped, self._on_failed, self._on_warning = on_stopped, on_failed, on_warning
        self._warned: set[str] = set()
        self._on_reset: list[Callable[[], None]] = []
        self._active: dict[str, Manifest] = {}
        self._up = asyncio.Event()
        self._tried = asyncio.Event()
        self._refusal: Problem | None = None
        self._socket = Path()
        self._child = Child(
            "egress", "mediaserver.recording.capture.egress", self._event, self._started, self._died
        )
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.channel is not None

    async def run(self) -> None:
        """Keep egress alive until canceled; it then closes its journals."""
        # The paths of Unix sockets are limited to 107 bytes, those of data directories are not.
        try:
            made = tempfile.TemporaryDirectory(prefix="mediaserver-egress-", ignore_cleanup_errors=True)
        except OSError as error:
            raise StartError(f"there is no room for temporary files: {error}") from error
        with made as directory:
            self._socket = Path(directory) / "taps"
            await self._child.run()

    async def ready(self) -> None:
        """Wait for the first start. Raises: StartError when it fails."""
        await self._tried.wait()
        if self._refusal is not None:
            raise StartError(f"egress, which records, cannot start: {self._refusal.detail}")

    def listen(self, on_reset: Callable[[], None]) -> None:
        """Call `on_reset` whenever egress was restarted: all tracks must be added again."""
        self._on_reset.append(on_reset)

    async def start(
        self,
        *,
        recording_id: str,
        session_kind: str,
        session_id: str,
        title: str,
        started_at: datetime,
    ) -> None:
        """Start a capture; one that is running already continues. Raises: Unavailable("disk_full")."""
        if recording_id in self._active:
            return
        manifest = Manifest.model_validate(
            {
                "recording": recording_id,
                "session_kind": session_kind,
                "session": session_id,
                "title": title,
                "started_ns": int(started_at.astimezone(UTC).timestamp() * 1000) * 1_000_000,
            }
        )
        await self._request("start_recording", manifest.model_dump())
        self._active[recording_id] = manifest

    async def add_track(
        self,
        *,
        recording_id: str,
        track_id: str,
        participant_id: str,
        user_id: str,
        username: str,
        source: str,
        kind: Literal["audio", "video"],
        codec: Codec,
        enabled: bool,
        audio_level_id: int | None = None,
    ) -> tuple[int, str]:
        """Return the tap number and the Unix socket path for the media worker.

        `audio_level_id` is the publisher's id of the extension of RFC 6464, which reveals the active speaker.
        """
        manifest = self._active.get(recording_id)
        reply = await self._request(
            "add_track",
            {
                "recording": recording_id, "session": manifest.session if manifest else "", "track": track_id,
                "participant": participant_id, "user": user_id, "username": username, "source": source,
                "kind": kind, "codec": codec.name, "clock_rate": codec.clock_rate, "channels": codec.channels,
                "payload_type": codec.payload_type, "parameters": codec.parameters,
                "audio_level_id": audio_level_id, "enabled": enabled, "started_ns": now_ns(),
            },
        )  # fmt: skip
        return int(reply["tap"]), str(reply["path"])

    async def mark_track(self, *, recording_id: str, track_id: str, enabled: bool) -> None:
        """Note that the track was muted or hidden (False), or that this was undone (True)."""
        await self._request("mark_track", {"recording": recording_id, "track": track_id, "enabled": enabled})

    async def end_track(self, *, recording_id: str, track_id: str) -> None:
        await self._request("end_track", {"recording": recording_id, "track": track_id})

    async def stop(self, *, recording_id: str) -> None:
        """Close the journals and start composing; also works while egress is down."""
        self._warned.discard(recording_id)
        if self._active.pop(recording_id, None) is None:
            return
        stopped_ns = now_ns()
        try:
            await self._request("stop_recording", {"recording": recording_id, "stopped_ns": stopped_ns})
        except Exception:  # whatever is wrong with egress, the capture is closed
            log.exception("egress did not stop a recording", extra={"recording": recording_id})
        await self._close(recording_id, stopped_ns, "stopped")
        self._on_stopped(recording_id)

    @property
    def short_of_disk(self) -> bool:
        """Whether a recording will soon be stopped because the disk fills up."""
        return bool(self._warned)

    async def status(self) -> dict[str, Any]:
        """Return the state of egress: `{recordings, tracks, pendingBytes, droppedRecords}`."""
        return await self._request("status", {})

    # ---------------------------------------------------------------------------------- the process

    async def _request(self, op: str, body: Body) -> Body:
        try:
            await asyncio.wait_for(self._up.wait(), _UP_WAIT_S)
            if self._child.channel is None:
                raise ChannelClosed
            return await self._child.channel.request(op, body)
        except TimeoutError as error:
            raise ChannelClosed from error

    async def _started(self, channel: Channel) -> None:
        try:
            await self._configure(channel)
        except Problem as problem:
            self._refusal = problem
            raise
        finally:
            self._tried.set()
        self._refusal = None
        if self._child.restarts:
            await self._resume(channel)
        asyncio.get_running_loop().call_soon(self._is_up)  # once `Child` has taken the channel

    async def _configure(self, channel: Channel) -> None:
        recording = self._settings.recording
        await channel.request(
            "configure",
            {
                "captures": str(self._captures.absolute()),
                "socket": str(self._socket),
                "flush_ms": recording.flush_ms,
                "min_free_bytes": recording.min_free_bytes,
                "stop_notice_s": recording.stop_notice_s,
                "log_level": self._settings.log.level,
                "log_format": self._settings.log.format,
            },
        )

    def _is_up(self) -> None:
        self._up.set()
        if self._child.restarts:
            for call in self._on_reset:
                call()

    async def _resume(self, channel: Channel) -> None:
        for recording, manifest in list(self._active.items()):
            try:
                await channel.request("start_recording", manifest.model_dump())
            except Exception:  # no disk space: what was captured is kept
                log.exception("a recording cannot go on", extra={"recording": recording})
                self._lose(recording, "disk_full", "it could not go on after a fault")

    def _died(self) -> None:
        self._up.clear()
        for recording in list(self._warned):  # the next egress process decides again
            self._warn(recording, None)

    def _event(self, name: str, body: Body) -> None:
        if name == "recording_failed":
            reason: LostReason = "disk_reserve" if body["reason"] == "disk_reserve" else "disk_full"
            self._lose(body["recording"], reason, f"the disk refused it: {body['detail']}")
        elif name == "recording_warning":
            self._warn(body["recording"], body["in_s"])

    def _warn(self, recording: str, in_s: float | None) -> None:
        if recording not in self._active:
            return
        if in_s is None:
            self._warned.discard(recording)
        else:
            self._warned.add(recording)
        self._on_warning(recording, in_s)

    def _lose(self, recording: str, reason: LostReason, why: str) -> None:
        self._warned.discard(recording)
        if self._active.pop(recording, None):
            task = asyncio.create_task(self._finish_lost(recording, reason, why), name=f"close {recording}")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _finish_lost(self, recording: str, reason: LostReason, why: str) -> None:
        await self._close(recording, now_ns(), reason)
        self._on_failed(recording, reason, why)
        self._on_stopped(recording)

    async def _close(self, recording: str, stopped_ns: int, reason: str) -> None:
        capture = Capture.named(self._captures, recording)
        with contextlib.suppress(OSError):  # recovery at the next start closes it then
            await asyncio.to_thread(capture.stop, stopped_ns, reason)


def captures_dir(settings: Settings) -> Path:
    """Return the directory of captures that are not stored yet."""
    return settings.data.dir / "captures"
