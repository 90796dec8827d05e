"""A running egress process, and a media worker's side of its tap socket."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediaserver.base.settings.tree import Data, RecordingSettings, Settings
from mediaserver.media.messages import Codec
from mediaserver.media.tapping import framing
from mediaserver.recording.capture.client import EgressRecorder
from tests.media.conftest import certificate, worker  # noqa: F401 - fixtures

OPUS = Codec(name="opus", payload_type=111, clock_rate=48000, channels=2)
STARTED_AT = datetime(2026, 1, 2, tzinfo=UTC)


async def until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not come to be in time"
        await asyncio.sleep(0.01)


class Recording:
    """The recorder under test and what it told."""

    def __init__(self, data: Path) -> None:
        self.settings = Settings(data=Data(dir=data), recording=RecordingSettings(flush_ms=50, min_free_bytes=0))
        self.stopped: list[str] = []
        self.failed: list[tuple[str, str]] = []
        self.warnings: list[tuple[str, float | None]] = []
        self.resets = 0
        self.recorder = self.make()

    def make(self) -> EgressRecorder:
        recorder = EgressRecorder(
            self.settings,
            self.stopped.append,
            lambda recording, reason, why: self.failed.append((recording, why)),
            lambda recording, in_s: self.warnings.append((recording, in_s)),
        )
        recorder.listen(self._reset)
        return recorder

    def _reset(self) -> None:
        self.resets += 1

    async def start(self, recording: str = "REC") -> None:
        await self.recorder.start(
            recording_id=recording, session_kind="video", session_id="S", title="a lesson", started_at=STARTED_AT
        )

    async def add_track(self, track: str = "MIC", recording: str = "REC") -> tuple[int, str]:
        return await self.recorder.add_track(
            recording_id=recording, track_id=track, participant_id="P", user_id="U", username="ann",
            source="microphone", kind="audio", codec=OPUS, enabled=True, audio_level_id=1,
        )  # fmt: skip


@pytest.fixture
async def recording(tmp_path: Path) -> AsyncIterator[Recording]:
    """A recorder whose egress process is up."""
    made = Recording(tmp_path / "data")
    running = asyncio.create_task(made.recorder.run())
    await until(lambda: made.recorder.alive)
    yield made
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


class TapWriter:
    """What a media worker does."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    @classmethod
    async def connect(cls, path: str) -> "TapWriter":
        _, writer = await asyncio.open_unix_connection(path)
        return cls(writer)

    async def send(self, *records: bytes) -> None:
        self._writer.write(framing.encode_batch(list(records)))
        await self._writer.drain()

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
