"""Programs are decoded again: the right colours in the right places, the right tones at the right times."""

import asyncio
import json
import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from mediaserver.media.tapping import framing
from mediaserver.recording.capture import journal
from mediaserver.recording.capture.capture import EXIT_NO_SPACE, Capture, Result
from mediaserver.recording.composition.composer import Output, compose
from mediaserver.recording.composition.mixing import limit
from mediaserver.recording.timeline.layout import Canvas
from tests.recording.conftest import Recording, TapWriter, until
from tests.recording.studio import (
    Program,
    RtpTrack,
    Sender,
    at,
    capture,
    film,
    near,
    play,
    tone,
    track,
    vp8_payloads,
)

OUTPUT = Output(Canvas(640, 360), 25)
RED, GREEN, BLUE, BLACK = (220, 30, 30), (30, 200, 30), (30, 30, 220), (0, 0, 0)
LARGE = (250, 180)
"""A point in the large tile when there is a strip; also in one that fills the canvas."""
STRIP = (576, 180)
"""In the strip's only tile."""


def made(path: Path, tracks: list[RtpTrack], stopped_s: float, kind: str = "video") -> tuple[Result, Program]:
    done = capture(path, tracks, stopped_s, kind)
    result = compose(done, OUTPUT)
    assert done.state() == "composed"
    program = play(done.out / "program.mp4")
    assert program.duration_s == pytest.approx(stopped_s, abs=0.1)
    return result, program


def test_two_participants_are_seen_and_heard_where_and_when_they_were(tmp_path: Path) -> None:
    ann, bob = Sender("ann", 5.0, 0.02), Sender("bob", -7200.0, 0.15)
    result, program = made(
        tmp_path,
        [
            film(track("CAM-A", ann, "camera", "VP8"), 1, 5, RED),
            tone(track("MIC-A", ann, "microphone", "opus"), 1, 3, 440),
            film(track("CAM-B", bob, "camera", "H264", 2), 2, 6, GREEN),
            tone(track("MIC-B", bob, "microphone", "opus", 3), 3, 5, 880),
        ],
        7.0,
    )
    assert result.damages == []
    assert (len(program.frames), program.fps) == (175, 25)
    assert len(program.sound) / 48000 == pytest.approx(7, abs=0.1)
    for seconds, large, strip in [
        (0.5, BLACK, BLACK), (1.5, RED, RED), (2.7, RED, GREEN),
        (4.5, GREEN, RED), (6.3, GREEN, GREEN), (6.9, BLACK, BLACK),
    ]:  # fmt: skip
        assert near(program.color(seconds, *LARGE), large), f"large at {seconds}"
        assert near(program.color(seconds, *STRIP), strip), f"strip at {seconds}"
    for seconds, low, high in [
        (0.8, 0, 0),
        (1.2, 0.25, 0),
        (2.8, 0.25, 0),
        (3.4, 0, 0.25),
        (4.9, 0, 0.25),
        (5.4, 0, 0),
    ]:
        assert program.loudness(seconds, 440) == pytest.approx(low, abs=0.05)
        assert program.loudness(seconds, 880) == pytest.approx(high, abs=0.05)


def test_the_program_says_what_its_colors_mean(tmp_path: Path) -> None:
    made(tmp_path, [], 0.2)
    with av.open(str(tmp_path / "REC" / "out" / "program.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (6, 6, 6)
        assert context.color_range == 1


@pytest.mark.slow
def test_the_picture_moves(tmp_path: Path) -> None:
    _, program = made(tmp_path, [film(track("CAM", Sender("ann"), "camera", "VP8"), 0, 2, RED)], 2.0)
    bars = []
    for seconds in (0.5, 0.8, 1.1, 1.4):
        line = program.frames[int(seconds * 25)][350, :, 0].astype(int)
        bars.append(int(np.flatnonzero(line < 160).mean()))
    assert len(set(bars)) == 4


def test_picture_and_sound_of_one_person_belong_together(tmp_path: Path) -> None:
    """The camera's packets take 300 ms longer; a flash and a tone at 2 s are still seen and heard at once."""
    slow, fast = Sender("ann", 9, 0.35), Sender("ann", 9, 0.05)
    cam = film(track("CAM", slow, "camera", "VP8"), 0, 2, BLUE)
    later = film(track("CAM", slow, "camera", "VP8", ssrc=99), 2, 4, RED)
    cam.records += later.records
    _, program = made(tmp_path, [cam, tone(track("MIC", fast, "microphone", "opus"), 2, 4, 1000)], 4.0)
    seen = next(n for n, frame in enumerate(program.frames) if near(tuple(frame[180, 250]), RED, 60)) / 25
    heard = (
        next(n for n in range(0, len(program.sound), 240) if abs(program.sound[n : n + 240]).max() > 0.1) / 48000
    )
    assert seen == pytest.approx(2.05, abs=0.08)
    assert heard == pytest.approx(2.05, abs=0.05)


def test_a_screen_is_large(tmp_path: Path) -> None:
    ann = Sender("ann")
    _, program = made(
        tmp_path,
        [
            film(track("CAM", ann, "camera", "VP8"), 0, 3, RED),
            film(track("SCREEN", ann, "screen", "VP8", 1), 1, 3, BLUE, size=(640, 360), fps=5),
        ],
        3.0,
    )
    assert near(program.color(0.5, *LARGE), RED)
    assert near(program.color(2, *LARGE), BLUE)
    assert near(program.color(2, *STRIP), RED)


@pytest.mark.slow
def test_a_picture_that_changes_its_size_and_shape(tmp_path: Path) -> None:
    cam = film(track("CAM", Sender("ann"), "camera", "VP8"), 0, 1, RED, size=(320, 180))
    tall = film(track("CAM", Sender("ann"), "camera", "VP8", ssrc=5), 1, 2, GREEN, size=(180, 320))
    cam.records += tall.records
    _, program = made(tmp_path, [cam], 2.0)
    assert near(program.color(0.5, 20, 180), RED)
    assert near(program.color(1.6, 320, 180), GREEN)
    assert near(program.color(1.6, 20, 180), BLACK)


def test_an_empty_recording_is_black_and_silent(tmp_path: Path) -> None:
    result, program = made(tmp_path, [], 3.0)
    assert [file.name for file in result.files] == ["program.mp4"]
    assert len(program.frames) == 75
    assert near(program.color(1.5, *LARGE), BLACK)
    assert abs(program.sound).max() < 0.001


@pytest.mark.slow
def test_a_recording_of_no_length_is_still_a_file(tmp_path: Path) -> None:
    made(tmp_path, [], 0.0)


def test_an_audio_session_makes_sound_alone(tmp_path: Path) -> None:
    ann, bob = Sender("ann"), Sender("bob", 3)
    result, program = made(
        tmp_path,
        [
            tone(track("A", ann, "microphone", "opus"), 0.5, 2, 440),
            tone(track("B", bob, "microphone", "opus"), 1, 2.5, 700),
        ],
        3.0,
        "audio",
    )
    assert result.files[0].content_type == "audio/mp4"
    assert program.frames == []
    assert program.loudness(1.5, 440) == pytest.approx(0.25, abs=0.05)
    assert program.loudness(1.5, 700) == pytest.approx(0.25, abs=0.05)
    assert program.loudness(0.7, 700) < 0.02
    assert program.loudness(2.3, 440) < 0.02


def test_track_files_hold_what_was_sent(tmp_path: Path) -> None:
    ann = Sender("ann", delay_s=0)
    result, _ = made(
        tmp_path,
        [
            film(track("VP8", ann, "camera", "VP8"), 1, 3, RED),
            film(track("H264", ann, "screen", "H264"), 1, 3, BLUE),
            tone(track("OPUS", ann, "microphone", "opus"), 1, 3, 440),
        ],
        4.0,
    )
    found = {file.source: file for file in result.files}
    for source, codec, count in [("camera", "vp8", 30), ("screen", "h264", 30), ("microphone", "opus", 100)]:
        file = found[source]
        path = tmp_path / "REC" / "out" / file.name
        assert file.size == path.stat().st_size
        assert file.offset_s == pytest.approx(1, abs=0.01)
        assert file.user_id == "user-ann"
        with av.open(str(path)) as container:
            stream = container.streams[0]
            assert stream.codec_context.name == codec
            frames = list(container.decode(stream))
        assert len(frames) == count
        assert frames[-1].time == pytest.approx(2 - 2 / count, abs=0.03)
        assert file.duration_s == pytest.approx(frames[-1].time, abs=0.03)


# ------------------------------------------------------------------------------------------ what is broken


@pytest.mark.slow
def test_lost_frames_freeze_the_picture_until_the_next_keyframe_and_nothing_else(tmp_path: Path) -> None:
    ann = Sender("ann")
    cam = film(
        track("CAM", ann, "camera", "VP8"), 0, 4, RED, keyframe_every=30, keep=[n for n in range(60) if n != 10]
    )
    result, program = made(tmp_path, [cam, tone(track("MIC", ann, "microphone", "opus"), 0, 4, 440)], 4.0)
    assert near(program.color(1.5, *LARGE), RED)
    assert result.damages == []
    [camera] = [file for file in result.files if file.source == "camera"]
    with av.open(str(tmp_path / "REC" / "out" / camera.name)) as container:
        assert sum(1 for _ in container.decode()) == 10 + 30


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_corrupt_journals_leave_a_program_of_full_length(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    ann, bob = Sender("ann"), Sender("bob")
    tracks = [
        film(track("CAM", ann, "camera", "VP8"), 0, 2, RED),
        tone(track("MIC", ann, "microphone", "opus"), 0, 2, 440),
        film(track("HURT-CAM", bob, "camera", "H264"), 0, 2, GREEN),
        tone(track("HURT-MIC", bob, "microphone", "opus"), 0, 2, 880, level=60),
    ]
    done = capture(tmp_path, tracks, 2.0)
    for path in done.path.glob("HURT-*.journal"):
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data) // 2, len(data))] ^= 0xFF
        path.write_bytes(data[: chance.randrange(len(data) * 3 // 4, len(data))])
    (done.path / "EMPTY-1.journal").write_bytes(b"")
    (done.path / "NOISE-1.journal").write_bytes(chance.randbytes(5000))
    result = compose(done, OUTPUT)
    program = play(done.out / "program.mp4")
    assert program.duration_s == pytest.approx(2, abs=0.1)
    assert near(program.color(1.5, *LARGE), RED)
    assert program.loudness(1.5, 440) == pytest.approx(0.25, abs=0.05)
    assert {damage.split(":")[0] for damage in result.damages} >= {"EMPTY-1.journal", "NOISE-1.journal"}


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["VP8", "H264"])
@pytest.mark.parametrize("seed", range(3))
def test_broken_bitstreams_do_not_spoil_the_rest(tmp_path: Path, codec: str, seed: int) -> None:
    chance = random.Random(seed)
    ann, bob = Sender("ann"), Sender("bob")
    hurt = film(track("HURT", bob, "camera", codec), 0, 2, GREEN)
    noisy = tone(track("NOISY", bob, "microphone", "opus"), 0, 2, 880, level=80)
    for one in (hurt, noisy):
        one.records = [
            (
                when,
                kind,
                data[:20] + chance.randbytes(len(data) - 20) if kind == journal.RTP and number > 5 else data,
            )
            for number, (when, kind, data) in enumerate(one.records)
        ]
    _, program = made(
        tmp_path,
        [
            film(track("CAM", ann, "camera", "VP8"), 0, 2, RED),
            tone(track("MIC", ann, "microphone", "opus"), 0, 2, 440),
            hurt,
            noisy,
        ],
        2.0,
    )
    assert near(program.color(1.5, *LARGE), RED)
    assert program.loudness(1.5, 440) > 0.1


@pytest.mark.slow
def test_a_keyframe_that_claims_to_be_enormous_is_not_decoded(tmp_path: Path) -> None:
    """16,383 × 16,383 pixels would take 400 MB a frame."""
    bob = Sender("bob")
    bomb = track("BOMB", bob, "camera", "VP8")
    for number in range(30):
        frame = b"\x10\x02\x00\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(200)
        for payload in vp8_payloads(frame, number):
            bomb.send(number / 15, payload, True)
    result, program = made(tmp_path, [film(track("CAM", Sender("ann"), "camera", "VP8"), 0, 2, RED), bomb], 2.0)
    assert any("BOMB" in damage for damage in result.damages)
    assert near(program.color(1.5, *STRIP), RED) or near(program.color(1.5, *LARGE), RED)


# ------------------------------------------------------------------------------------------ as a process


def test_a_full_disk_is_told_apart_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    done = capture(tmp_path, [tone(track("A", Sender("ann"), "microphone", "opus"), 0, 1, 440)], 1.0, "audio")
    ran = subprocess.run(
        [sys.executable, "-m", "mediaserver.recording.composition.composer", str(done.path)],
        capture_output=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)),
    )
    assert ran.returncode == EXIT_NO_SPACE, ran.stderr.decode()
    assert not done.out.exists()
    assert done.state() == "stopped"


@pytest.mark.slow
def test_it_runs_as_a_process_and_tells_its_progress(tmp_path: Path) -> None:
    done = capture(tmp_path, [tone(track("A", Sender("ann"), "microphone", "opus"), 0, 1, 440)], 1.0, "audio")
    ran = subprocess.run(
        [sys.executable, "-m", "mediaserver.recording.composition.composer", str(done.path), "--width", "320"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    percents = [json.loads(line)["percent"] for line in ran.stdout.splitlines()]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert done.state() == "composed"


@pytest.mark.slow
async def test_kill_9_of_egress_in_the_middle_still_makes_a_program(recording: Recording) -> None:
    """Half of the packets go to one egress process, half to the next."""
    await recording.start()
    sent = tone(track("MIC", Sender("ann"), "microphone", "opus"), 0, 2, 440)
    halves = [sent.records[: len(sent.records) // 2], sent.records[len(sent.records) // 2 :]]
    kinds = {journal.RTP: framing.RTP, journal.SENDER_REPORT: framing.SENDER_REPORT}
    done = Capture(recording.settings.data.dir / "captures" / "REC")
    for number, half in enumerate(halves):
        tap, path = await recording.add_track()
        worker = await TapWriter.connect(path)
        await worker.send(*(framing.encode_record(tap, kinds[kind], when, data) for when, kind, data in half))
        await until(lambda n=number, h=half: len(list(_records(done.journals()[n]))) >= len(h))  # type: ignore[misc]
        running = recording.recorder.pid
        assert running
        os.kill(running, signal.SIGKILL)
        await worker.close()
        await until(lambda n=number: recording.resets == n + 1)  # type: ignore[misc]
    manifest = done.manifest()
    assert manifest
    (done.path / "recording.json").write_text(
        manifest.model_copy(update={"started_ns": at(0)}).model_dump_json(by_alias=True)
    )
    done.stop(at(2))
    await asyncio.to_thread(compose, done, OUTPUT)
    program = await asyncio.to_thread(play, done.out / "program.mp4")
    assert program.duration_s == pytest.approx(2, abs=0.1)
    assert program.loudness(0.5, 440) == pytest.approx(0.25, abs=0.05)
    assert program.loudness(1.5, 440) == pytest.approx(0.25, abs=0.05)


def _records(path: Path) -> journal.Journal:
    return journal.Journal(path.read_bytes())


# ------------------------------------------------------------------------------------------ mixing


def test_the_limiter_leaves_quiet_sound_alone_and_bends_loud_sound() -> None:
    quiet = np.linspace(-0.7, 0.7, 100, dtype=np.float32).reshape(2, 50)
    assert limit(quiet) is quiet
    loud = np.linspace(-4, 4, 100, dtype=np.float32).reshape(2, 50)
    bent = limit(loud)
    assert abs(bent).max() <= 1.0
    assert (np.diff(bent.reshape(-1)) >= 0).all()
    inside = abs(loud) <= 0.75
    assert (bent[inside] == loud[inside]).all()
