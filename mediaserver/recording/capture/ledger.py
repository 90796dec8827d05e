"""Updates the documents of recordings from the state of their captures, through the use cases."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from mediaserver.domain.sessions.recordings import RecordedTrack
from mediaserver.usecases.context import Context
from mediaserver.usecases.sessions import recordings


class Unfinished(NamedTuple):
    """A recording that is not ready according to its document."""

    recording: str
    running: bool
    """Whether its document does not even have an end."""


class Ledger(Protocol):
    """The updates. Every method may raise Unavailable, and NotFound when the recording was deleted."""

    async def unfinished(self) -> list[Unfinished]: ...

    async def stopped(self, recording: str, at: datetime) -> None: ...

    async def ready(
        self, recording: str, object_key: str, size: int, duration_s: float, tracks: Sequence[RecordedTrack]
    ) -> None: ...

    async def failed(self, recording: str, reason: str) -> None: ...


class Documents:
    """The ledger of the server."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def unfinished(self) -> list[Unfinished]:
        found = await recordings.unfinished(self._ctx)
        return [Unfinished(recording.id, recording.status == "recording") for recording in found]

    async def stopped(self, recording: str, at: datetime) -> None:
        await recordings.stopped(self._ctx, recording, at)

    async def ready(
        self, recording: str, object_key: str, size: int, duration_s: float, tracks: Sequence[RecordedTrack]
    ) -> None:
        await recordings.ready(
            self._ctx, recording, object_key=object_key, size=size, duration_s=duration_s, tracks=tracks
        )

    async def failed(self, recording: str, reason: str) -> None:
        await recordings.failed(self._ctx, recording, reason)


def moment(time_ns: int) -> datetime:
    """Return a capture's time in the form of documents: UTC, whole milliseconds."""
    seconds, milliseconds = divmod(time_ns // 1_000_000, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)
