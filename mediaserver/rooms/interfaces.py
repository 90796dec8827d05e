"""What rooms need of media workers, the recorder and sockets, as protocols: their classes do not import rooms.

Every method may raise `ChannelClosed` when the process behind it dies. A room then continues without it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from mediaserver.media import messages as m


class Worker(Protocol):
    """A media worker process. The object outlives the process and also represents the restarted one."""

    @property
    def alive(self) -> bool: ...

    @property
    def port(self) -> int:
        """The UDP port of the running process."""

    @property
    def fingerprint(self) -> m.Fingerprint:
        """Fingerprint of the DTLS certificate, for the answers."""

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
        """Return the least loaded worker that is alive.

        Raises: Unavailable("media_unavailable") when there is none for 5 s.
        """

    def listen(self, on_event: WorkerEvent, on_reset: WorkerReset) -> None:
        """Call back for every worker's events and deaths. A worker that dies loses all its transports and
        tracks."""


class Recorder(Protocol):
    """The handle of the egress process. A track has one tap in a recording."""

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
        """Return the tap number and the Unix socket path for the media worker (`TapTrack`).

        `audio_level_id` is the publisher's id of the header extension of RFC 6464. A track that is added again,
        after the media worker or egress died, gets a new tap number.
        """

    async def mark_track(self, *, recording_id: str, track_id: str, enabled: bool) -> None:
        """Note that the track was muted or hidden (False), or that this was undone (True)."""

    async def end_track(self, *, recording_id: str, track_id: str) -> None: ...

    async def stop(self, *, recording_id: str) -> None:
        """Close the journals and start composing. The use cases publish an event when the recording is ready."""

    def listen(self, on_reset: Callable[[], None]) -> None:
        """Call back when the egress process was restarted: `start` and `add_track` must be called again."""


class Audience(Protocol):
    """The sockets of participants. No method waits: sockets that cannot keep up are closed."""

    def attach(self, socket: str, room: str) -> None:
        """Start sending the broadcasts of `room` to the socket."""

    def detach(self, socket: str, room: str) -> None:
        """Stop sending the broadcasts: the socket was replaced or removed, or its session ended."""

    def close(self, socket: str) -> None:
        """Close the connection after everything was sent. The client reconnects."""

    def broadcast(self, room: str, event: str, data: dict[str, Any]) -> None: ...

    def send(
        self, socket: str, event: str, data: dict[str, Any], acknowledged: Callable[[], None] | None = None
    ) -> None: ...
