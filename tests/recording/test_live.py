"""Real WebRTC clients, a real media worker, a real egress process: what they sent is in the composed program."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from mediaserver.media import messages as m
from mediaserver.recording.capture.capture import Capture
from mediaserver.recording.composition.composer import Output, compose
from mediaserver.recording.timeline.layout import Canvas
from tests.media.conftest import Worker
from tests.media.peers import ColourTrack, Peer, ToneTrack
from tests.recording.conftest import Recording
from tests.recording.studio import near, play


class Published(Peer):
    """A peer that remembers what it publishes."""

    def __init__(self, worker: Worker, name: str) -> None:
        super().__init__(worker, name)
        self.codecs: dict[str, m.Codec] = {}

    async def _set_track(self, offered: Any, codecs: list[m.Codec], extensions: dict[str, int]) -> None:
        self.codecs[offered.kind] = codecs[0]
        await super()._set_track(offered, codecs, extensions)

    async def record(self, recording: Recording) -> None:
        for kind, track in self.tracks.items():
            tap, path = await recording.recorder.add_track(
                recording_id="REC", track_id=track, participant_id=self.name, user_id=self.name,
                username=self.name, source="camera" if kind == "video" else "microphone",
                kind="video" if kind == "video" else "audio", codec=self.codecs[kind], enabled=True,
            )  # fmt: skip
            await self.worker.tap_track(m.TapTrack(track=track, tap=tap, path=path))


@pytest.mark.slow
async def test_what_two_people_send_is_in_the_program(
    recording: Recording,
    worker: Worker,
) -> None:
    red, blue = Published(worker, "red"), Published(worker, "blue")
    try:
        await red.join((ToneTrack(), ColourTrack("red")))
        await blue.join((ColourTrack("blue"),))
        await asyncio.gather(red.connected(), blue.connected())
        started = datetime.now(UTC)
        await recording.recorder.start(
            recording_id="REC", session_kind="video", session_id="S", title="", started_at=started
        )
        await red.record(recording)
        await blue.record(recording)
        await asyncio.sleep(4)  # what is recorded
        await recording.recorder.stop(recording_id="REC")
        length_s = (datetime.now(UTC) - started).total_seconds()
    finally:
        await asyncio.gather(red.close(), blue.close())
    done = Capture(recording.settings.data.dir / "captures" / "REC")
    result = await asyncio.to_thread(compose, done, Output(Canvas(640, 360), 25))
    program = await asyncio.to_thread(play, done.out / "program.mp4")
    assert result.damages == []
    assert program.duration_s == pytest.approx(length_s, abs=0.5)
    large, beside = program.color(3, 250, 100), program.color(3, 576, 160)
    if large[2] > large[0]:  # whose first keyframe came first is large
        large, beside = beside, large
    assert near(large, (255, 0, 0), 60)
    assert near(beside, (0, 0, 255), 60)
    assert program.loudness(3, 440) == pytest.approx(8000 / 32768, abs=0.08)
    assert {file.source for file in result.files} == {None, "camera", "microphone"}
