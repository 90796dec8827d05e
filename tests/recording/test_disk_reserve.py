"""Egress on a disk that fills up: who writes most is warned, then stopped; the others go on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mediaserver.base.errors import Unavailable
from mediaserver.media.tapping import framing
from mediaserver.recording.capture.capture import Capture
from mediaserver.recording.capture.egress import Egress
from mediaserver.recording.capture.journal import END, Journal

MB = 1_000_000
RESERVE = 100 * MB


class Recorder:
    """Egress in this process, on a disk whose free space the test sets."""

    def __init__(self, directory: Path) -> None:
        self.free = 10_000 * MB
        self.told: list[tuple[str, Any]] = []
        self.captures = directory / "captures"
        self.egress = Egress(
            lambda name, body: self.told.append((name, body)), lambda directory: self.free, look_every_s=3600.0
        )
        self._taps: dict[str, int] = {}

    async def begin(self) -> None:
        settings = {"captures": str(self.captures), "socket": str(self.captures.parent / "taps")}
        await self.egress.handle(
            "configure", {**settings, "flush_ms": 5000, "min_free_bytes": RESERVE, "stop_notice_s": 60.0}
        )

    async def start(self, name: str) -> None:
        manifest = {"recording": name, "session_kind": "video", "session": "S", "started_ns": 1}
        await self.egress.handle("start_recording", manifest)
        track = {
            "recording": name, "session": "S", "track": f"{name}-cam", "participant": "P", "user": "U",
            "username": "ann", "source": "camera", "kind": "video", "codec": "VP8", "clock_rate": 90000,
            "payload_type": 96, "started_ns": 1,
        }  # fmt: skip
        self._taps[name] = (await self.egress.handle("add_track", track))["tap"]

    async def write(self, name: str, size: int) -> None:
        record = framing.Record(self._taps[name], framing.RTP, 1, bytes(1000))
        for _ in range(size // 1000):
            self.egress._take(record)
        await self.egress._flush(sync=False)
        self.free -= size

    def events(self, name: str) -> list[str]:
        return [body["recording"] for event, body in self.told if event == name]


@pytest.fixture
async def recorder(tmp_path: Path) -> AsyncIterator[Recorder]:
    made = Recorder(tmp_path)
    await made.begin()
    yield made
    await made.egress.close()


async def test_the_runaway_is_warned_and_stopped_and_the_other_goes_on(recorder: Recorder) -> None:
    await recorder.start("runaway")
    await recorder.start("small")
    await recorder.egress.look_at_disk(1000.0)
    await recorder.write("runaway", 400_000)
    await recorder.write("small", 10_000)
    recorder.free = RESERVE + 150 * MB  # 120 s of both, and room to compose: 199 MB
    await recorder.egress.look_at_disk(1001.0)
    assert recorder.told == [("recording_warning", {"recording": "runaway", "in_s": 60.0})]
    with pytest.raises(Unavailable) as refused:
        await recorder.start("another")
    assert refused.value.code == "disk_full"
    await recorder.write("runaway", 59 * 400_000)
    await recorder.write("small", 59 * 10_000)
    await recorder.egress.look_at_disk(1060.0)
    assert recorder.events("recording_failed") == []
    await recorder.egress.look_at_disk(1061.0)
    [(name, body)] = recorder.told[1:]
    assert (name, body["recording"], body["reason"]) == ("recording_failed", "runaway", "disk_reserve")
    [written] = Capture(recorder.captures / "runaway").journals()
    assert [record.kind for record in Journal(written.read_bytes())][-1] == END
    stopped = Capture(recorder.captures / "runaway").stopped()
    assert stopped is not None and stopped.reason == "disk_reserve"
    status = await recorder.egress.handle("status", {})
    assert status["recordings"] == ["small"]
    await recorder.write("small", 10_000)
    await recorder.egress.look_at_disk(1062.0)
    assert len(recorder.told) == 2
    await recorder.start("another")


async def test_a_warning_is_taken_back_when_somebody_makes_room(recorder: Recorder) -> None:
    await recorder.start("A")
    await recorder.egress.look_at_disk(0.0)
    await recorder.write("A", 400_000)
    recorder.free = RESERVE + 100 * MB
    await recorder.egress.look_at_disk(1.0)
    recorder.free = 10_000 * MB
    await recorder.egress.look_at_disk(2.0)
    assert [body["in_s"] for _, body in recorder.told] == [60.0, None]
    await recorder.egress.look_at_disk(100.0)
    assert recorder.events("recording_failed") == []


async def test_too_little_disk_refuses_a_new_recording_and_lets_one_resume_after_a_fault(
    recorder: Recorder,
) -> None:
    recorder.free = RESERVE - 1
    with pytest.raises(Unavailable) as refused:
        await recorder.start("new")
    assert refused.value.code == "disk_full" and "disk space" in refused.value.detail
    recorder.free = RESERVE
    await recorder.start("begun")
    resumed = Recorder(recorder.captures.parent)
    await resumed.begin()
    resumed.free = RESERVE - 1
    await resumed.start("begun")
    await resumed.egress.close()


async def test_what_ended_recordings_wrote_is_forgotten(recorder: Recorder) -> None:
    await recorder.start("A")
    await recorder.write("A", 1000)
    await recorder.egress.handle("stop_recording", {"recording": "A", "stopped_ns": 2})
    await recorder.egress.look_at_disk(0.0)
    assert recorder.egress._disk.written == {}
