"""Compose one program and the track files of a capture.

Run as `python -m mediaserver.recording.composition.composer CAPTURE`.

Runs apart, niced, with one thread, so that it leaves the machine to running sessions. What cannot be read or
decoded is left out and named in the result; the program always has the length of the recording. `result.json`
appears when everything else is complete. Standard output gets one JSON line per whole percent.
"""

import argparse
import contextlib
import json
import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange

from mediaserver.base.logs import configure_logging
from mediaserver.recording.capture.capture import EXIT_NO_SPACE, NO_SPACE, Capture, OutputFile, Result
from mediaserver.recording.composition.mixing import Painter, PictureStream, SoundStream, limit
from mediaserver.recording.composition.sources import RATE, Samples, Track, tracks_of
from mediaserver.recording.composition.track_file import CONTENT_TYPES, file_name, write_track
from mediaserver.recording.timeline.layout import Canvas
from mediaserver.recording.timeline.plan import Interval, Plan, TrackSurvey, plan
from mediaserver.recording.timeline.speakers import Levels

log = logging.getLogger(__name__)

PROGRAM: Final = "program.mp4"
_AUDIO_TICKS: Final = 25
"""Blocks a second in which sound alone is made."""
_KEYFRAME_S: Final = 2
_BT601: Final = 6
"""SMPTE 170M in ISO/IEC 23091-2, for primaries, transfer and matrix: what browsers' VP8 means."""


class Output(NamedTuple):
    """How the program shall be."""

    canvas: Canvas
    fps: int
    threads: int = 1


def compose(capture: Capture, output: Output, progress: Callable[[int], None] = lambda percent: None) -> Result:
    """Make everything in the capture's `out` directory, replacing what an interrupted run left there."""
    manifest = capture.manifest()
    if manifest is None:
        raise SystemExit(f"{capture.path} is no capture")
    shutil.rmtree(capture.out, ignore_errors=True)
    capture.out.mkdir()
    damages: list[str] = []
    tracks = tracks_of(capture.journals(), damages)
    stopped = capture.stopped()
    end_ns = max(manifest.started_ns, stopped.stopped_ns if stopped else capture.last_sign())
    canvas = None if manifest.session_kind == "audio" else output.canvas
    timeline = _survey(tracks, manifest.started_ns, end_ns, canvas)
    _Program(timeline, tracks, output, canvas is not None).write(capture.out / PROGRAM, progress)
    files = [_program_file(capture.out, timeline, canvas is not None)]
    for track in tracks:
        if file := _track_file(capture.out, track, timeline, damages):
            files.append(file)
        track.finish()
        damages += track.damages
    result = Result(
        duration_s=timeline.duration_s,
        size=sum(file.size for file in files),
        files=files,
        damages=damages,
    )
    capture.finish(result)
    return result


def _survey(tracks: list[Track], start_ns: int, end_ns: int, canvas: Canvas | None) -> Plan:
    levels = Levels(start_ns)
    surveys = []
    for track in tracks:
        survey = TrackSurvey(track.header)
        survey.take(track.items(), levels)
        survey.finish()
        surveys.append(survey)
        if survey.overflowed:
            track.damages.append(f"{track.header.track}: {survey.overflowed} packets were not captured")
    surveys.sort(key=lambda survey: survey.header.started_ns)
    return plan(start_ns, end_ns, surveys, levels, canvas)


def _program_file(directory: Path, timeline: Plan, video: bool) -> OutputFile:
    return OutputFile(
        name=PROGRAM,
        content_type="video/mp4" if video else "audio/mp4",
        size=(directory / PROGRAM).stat().st_size,
        duration_s=timeline.duration_s,
    )


def _track_file(directory: Path, track: Track, timeline: Plan, damages: list[str]) -> OutputFile | None:
    header, path = track.header, directory / file_name(track.header)
    try:
        written = write_track(path, header, track.units(timeline.clocks), timeline.end_ns)
    except Exception as error:  # the program matters more than this file
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            raise
        log.exception("a track file was not written", extra={"track": header.track})
        damages.append(f"{header.track}: its file could not be written")
        path.unlink(missing_ok=True)
        return None
    if written is None:
        return None
    return OutputFile(
        name=path.name,
        content_type=CONTENT_TYPES[header.codec],
        size=path.stat().st_size,
        duration_s=round((written.last_ns - written.first_ns) / 1e9, 3),
        offset_s=round((written.first_ns - timeline.start_ns) / 1e9, 3),
        track_id=header.track,
        participant_id=header.participant,
        user_id=header.user,
        source=header.source,
    )


class _Program:
    """The composed file. Tick by tick: advance every track, paint what changed, add up the sound, encode."""

    def __init__(self, timeline: Plan, tracks: list[Track], output: Output, video: bool) -> None:
        self._plan, self._output, self._video = timeline, output, video
        self._fps = output.fps if video else _AUDIO_TICKS
        self._ticks = max(1, round(timeline.duration_s * self._fps))
        clocks = timeline.clocks
        self._pictures = {
            track.header.track: PictureStream(track.header.track, track.pictures(clocks))
            for track in tracks
            if video and track.header.kind == "video"
        }
        self._sounds = [
            SoundStream(track.header.track, track.sounds(clocks), timeline.start_ns)
            for track in tracks
            if track.header.kind == "audio"
        ]
        self._samples = 0
        self._block = np.zeros((2, 0), np.float32)

    def write(self, path: Path, progress: Callable[[int], None]) -> None:
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as out:
            video = self._add_video(out) if self._video else None
            audio = out.add_stream("aac", rate=RATE, layout="stereo")
            audio.bit_rate = 128_000
            painting = self._paint()
            for tick in range(self._ticks):
                if video is not None:
                    frame = av.VideoFrame.from_ndarray(next(painting), format="yuv420p")
                    frame.pts, frame.time_base = tick, Fraction(1, self._fps)
                    out.mux(video.encode(frame))
                self._encode_sound(out, audio, self._mix(tick))
                if (percent := (tick + 1) * 100 // self._ticks) != tick * 100 // self._ticks:
                    progress(percent)
            self._encode_sound(out, audio, None)
            for stream in (video, audio):
                if stream is not None:
                    out.mux(stream.encode(None))

    def _add_video(self, out: Any) -> Any:
        canvas = self._output.canvas
        video = out.add_stream("libx264", rate=self._fps)
        video.width, video.height, video.pix_fmt = canvas.width, canvas.height, "yuv420p"
        video.options = {"preset": "veryfast", "crf": "23", "rc-lookahead": "20"}
        video.codec_context.thread_count = self._output.threads
        video.codec_context.gop_size = self._fps * _KEYFRAME_S
        # Untagged, players guess BT.601 or BT.709 by the picture's height.
        video.codec_context.colorspace = video.codec_context.color_primaries = _BT601
        video.codec_context.color_trc = _BT601
        video.codec_context.color_range = ColorRange.MPEG
        return video

    def _paint(self) -> Iterator[Any]:
        """The canvas at each tick; the same array every time."""
        painter = Painter(self._output.canvas)
        scenes = iter(self._plan.scenes)
        scene = next(scenes, None)
        spans = _spans(self._plan)
        fresh = True
        for tick in range(self._ticks):
            time_ns = self._plan.start_ns + tick * 1_000_000_000 // self._fps
            while scene is not None and scene.end_ns <= time_ns:
                scene, fresh = next(scenes, None), True
            if fresh:
                painter.clear()
                self._forget(spans, time_ns)
            moved = {
                track
                for track, stream in self._pictures.items()
                if spans[track].start_ns <= time_ns and stream.advance(time_ns)
            }
            for tile in scene.tiles if scene else ():
                stream = self._pictures[tile.track]
                if stream.current is not None and (fresh or tile.track in moved):
                    painter.draw(tile, stream)
            fresh = False
            yield painter.pixels

    def _forget(self, spans: dict[str, Interval], time_ns: int) -> None:
        """Free the decoders and pictures of tracks that are not shown any more, or never."""
        for track in list(self._pictures):
            if track not in spans or spans[track].end_ns <= time_ns:
                del self._pictures[track]

    def _mix(self, tick: int) -> Samples:
        end = (tick + 1) * RATE // self._fps
        block = np.zeros((2, end - self._samples), np.float32)
        for sound in self._sounds:
            sound.add_to(block, self._samples)
        self._samples = end
        return limit(block)

    def _encode_sound(self, out: Any, audio: Any, block: Samples | None) -> None:
        """Cut into the encoder's frames; None: what is left."""
        size = audio.codec_context.frame_size or 1024
        if block is not None:
            self._block = np.concatenate((self._block, block), axis=1)
        done = self._samples - self._block.shape[1]
        while self._block.shape[1] >= (size if block is not None else 1):
            piece, self._block = self._block[:, :size], self._block[:, size:]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, done, Fraction(1, RATE)
            done += piece.shape[1]
            out.mux(audio.encode(frame))


def _spans(timeline: Plan) -> dict[str, Interval]:
    """From a track's first scene to its last."""
    spans: dict[str, Interval] = {}
    for scene in timeline.scenes:
        for tile in scene.tiles:
            first = spans.get(tile.track, scene)
            spans[tile.track] = Interval(first.start_ns, scene.end_ns)
    return spans


def _say(percent: int) -> None:
    sys.stdout.write(json.dumps({"percent": percent}) + "\n")
    sys.stdout.flush()


def _step_back() -> None:
    """Take only processor time that nobody else wants, and be the first to go when memory runs out."""
    os.nice(10)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _end_with_parent() -> None:
    """Standard input closes when the process that started this one is gone: another will try again."""
    sys.stdin.read()
    os._exit(1)


def _main() -> None:
    parser = argparse.ArgumentParser(prog="composer", description="Compose one capture.")
    parser.add_argument("capture", type=Path)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    options = parser.parse_args()
    configure_logging("info", "text")
    av.logging.set_level(av.logging.FATAL)
    _step_back()
    if options.with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    capture = Capture(options.capture)
    output = Output(Canvas(options.width, options.height), options.fps, options.threads)
    try:
        compose(capture, output, _say)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        shutil.rmtree(capture.out, ignore_errors=True)
        raise SystemExit(EXIT_NO_SPACE) from error


if __name__ == "__main__":
    _main()
