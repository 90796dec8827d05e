"""What rooms need of media workers, of the recorder and of sockets; those fit without importing rooms.

Every method may raise `ChannelClosed` when the process behind it dies; a room then carries on without it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from mediaserver.media import messages as m


class Worker(Protocol):
    """One media worker process; the object outlives its process and serves the restarted one too."""

    @property
    def alive(self) -> bool: ...

    @property
    def port(self) -> int:
        """The UDP port of the running process."""

    @property
    def fingerprint(self) -> m.Fingerprint:
        """Of the DTLS certificate, for the answers."""

    async def open_transport(self, request: m.OpenTransport) -> m.IceParameters: ...
    async def connect_transport(self, request: m.ConnectTransport) -> m.Empty: ...
    async def restart_ice(self, request: m.RestartIce) -> m.IceParameters: ...
    async def close_transport(self, request: m.CloseTransport) -> m.Empty: ...
    async def set_track(self, request: m.SetTrack) -> m.Empty: ...
    async def enable_track(self, request: m.EnableTrack) -> m.Empty: ...
    async def close_track(self, request: m.CloseTrack) -> m.Empty: ...
    async def set_slot(self, request: m.SetSlot) -> m.Empty: ...
    async def bind_slot(self, request: m.BindSlot) -> m.Empty: ...
    async def resume_slot(self, request: m.ResumeSlot) -> m.Empty: ...
    async def pause_slot(self, request: m.PauseSlot) -> m.Empty: ...
    async def tap_track(self, request: m.TapTrack) -> m.Empty: ...
    async def untap_track(self, request: m.UntapTrack) -> m.Empty: ...


WorkerEvent = Callable[[Worker, m.Event], None]
WorkerReset = Callable[[Worker], None]


class Workers(Protocol):
    """The pool of media workers."""

    async def pick(self) -> Worker:
        """The least loaded living worker; waits 5 s for one, then raises `Unavailable("media_unavailable")`."""

    def listen(self, on_event: WorkerEvent, on_reset: WorkerReset) -> None:
        """Hear every worker's events, and of each death: all that the worker held is gone then."""


class Recorder(Protocol):
    """The handle of the egress process. Tracks are named by their id; one track has one tap in a recording."""

    async def start(
        self, *, recording_id: str, session_kind: str, session_id: str, title: str, started_at: datetime
    ) -> None: ...

    async def add_track(
        self,
        *,
        recording_id: str,
        track_id: str,
        participant_id: str,
        user_id: str,
        username: str,
        source: str,
        kind: m.Kind,
        codec: m.Codec,
        enabled: bool,
        audio_level_id: int | None = None,
    ) -> tuple[int, str]:
        """The tap number and the Unix socket path to give to the media worker (`TapTrack`);
        `audio_level_id` is the publisher's id of the RFC 6464 extension.

        Adding a track again (after a media worker died, after egress died) gives it a new tap number."""

    async def mark_track(self, *, recording_id: str, track_id: str, enabled: bool) -> None:
        """The track is muted or hidden (False) from now on, or shown and heard again."""

    async def end_track(self, *, recording_id: str, track_id: str) -> None: ...

    async def stop(self, *, recording_id: str) -> None:
        """Close the journals and begin composing; the use cases tell when the recording is ready."""

    def listen(self, on_reset: Callable[[], None]) -> None:
        """Call when the egress process has come back after dying: `start` and `add_track` again."""


class Audience(Protocol):
    """The sockets of people in rooms. Nothing here waits: a socket that cannot keep up is closed."""

    def attach(self, socket: str, room: str) -> None:
        """The socket hears the broadcasts of `room` from now on."""

    def detach(self, socket: str, room: str) -> None:
        """It does not any more: it was replaced, turned out, or its session is over."""

    def close(self, socket: str) -> None:
        """End its connection once what was sent is out: its client connects anew."""

    def broadcast(self, room: str, event: str, data: dict[str, Any]) -> None: ...

    def send(
        self, socket: str, event: str, data: dict[str, Any], acknowledged: Callable[[], None] | None = None
    ) -> None: ...
