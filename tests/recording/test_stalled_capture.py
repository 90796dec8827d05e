"""A microphone that stalls and goes on: the composed program and the track files, heard and looked at."""

import math
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mediaserver.media.core.packets import rtcp
from mediaserver.recording.capture import journal
from mediaserver.recording.composition.composer import Output, compose
from mediaserver.recording.timeline.layout import Canvas
from tests.recording.studio import SECOND, RtpTrack, Sender, at, capture, numbered_film, play, read_number, track

END_S = 9.0
BEEPS_S = [0.5, 1.5, 2.5, 5.5, 6.5, 7.5]
"""When somebody beeped for 100 ms; between 3 and 5 s the microphone stalled."""
STALL_S = (3.0, 5.0)


def _media_s(seconds: float) -> float:
    """What the microphone's timestamps say: they know nothing of the stall."""
    return seconds if seconds < STALL_S[1] else seconds - (STALL_S[1] - STALL_S[0])


def beeping(mic: RtpTrack, step_s: float) -> RtpTrack:
    """Opus with a beep at each of `BEEPS_S`; the computer's clock is set by `step_s` at 6 s."""
    context: Any = av.CodecContext.create("libopus", "w")
    context.format, context.layout, context.sample_rate, context.bit_rate = "s16", "stereo", 48000, 64000
    for number in range(round(END_S * 50)):
        seconds = number / 50
        if STALL_S[0] <= seconds < STALL_S[1]:
            continue
        times = seconds + np.arange(960) / 48000
        loud = np.any([(times >= beep) & (times < beep + 0.1) for beep in BEEPS_S], axis=0)
        samples = np.where(loud, np.sin(2 * math.pi * 1000 * times) * 0.4 * 32767, 0)
        frame = av.AudioFrame.from_ndarray(samples.astype(np.int16).repeat(2)[None, :], layout="stereo")
        frame.sample_rate, frame.pts = 48000, round(_media_s(seconds) * 48000)
        for packet in context.encode(frame):
            send(mic, seconds, bytes(packet))
    for number in range(round(END_S)):
        seconds = number + 0.31
        media_s = _media_s(seconds)  # during the stall as if it went on
        ahead_s = mic.sender.clock_ahead_s + (step_s if seconds >= 6 else 0.0)
        clock_ns = at(seconds) + round(ahead_s * SECOND)
        report = rtcp.build_sr(mic.ssrc, (clock_ns << 32) // SECOND, mic.timestamp(media_s), 0, 0)
        report += rtcp.build_sdes(mic.ssrc, mic.sender.cname)
        mic.records.append((at(seconds + mic.sender.delay_s), journal.SENDER_REPORT, report))
    return mic


def send(mic: RtpTrack, seconds: float, payload: bytes) -> None:
    """At `seconds`, under the timestamp that the microphone gives it."""
    mic.send(_media_s(seconds), payload, False)
    _, kind, data = mic.records.pop()
    mic.records.append((at(seconds + mic.sender.delay_s), kind, data))


def beeps(sound: Any) -> list[tuple[float, float]]:
    """(start, length) of each stretch of sound, in seconds; a pause of 20 ms ends one."""
    loud = np.flatnonzero(np.abs(sound) > 0.05)
    starts = [0, *(np.flatnonzero(np.diff(loud) > 960) + 1)] if len(loud) else []
    ends = [*starts[1:], len(loud)]
    return [(loud[a] / 48000, (loud[b - 1] - loud[a]) / 48000) for a, b in zip(starts, ends, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("step_s", [0.0, -1.5])
def test_beeps_after_a_stall_are_whole_and_at_their_time(tmp_path: Path, step_s: float) -> None:
    ann = Sender("ann", 3.0, 0.02)
    mic = beeping(track("MIC", ann, "microphone", "opus"), step_s)
    cam = numbered_film(track("CAM", Sender("ann", 3.0, 0.12), "camera", "VP8"), 0, END_S, step=(6.0, step_s))
    done = capture(tmp_path, [mic, cam], END_S)
    result = compose(done, Output(Canvas(320, 180), 25))
    assert result.damages == []
    program = play(done.out / "program.mp4")
    heard = beeps(program.sound)
    assert [start for start, _ in heard] == pytest.approx([beep + 0.02 for beep in BEEPS_S], abs=0.05)
    assert [length for _, length in heard] == pytest.approx([0.1] * len(BEEPS_S), abs=0.03), "none is cut"
    for seconds in (0.5, 2.5, 4.0, 5.5, 6.5, 8.5):  # the picture that was taken when the beep was to be heard
        number = read_number(program.frames[int(seconds * 25)])
        assert number == pytest.approx((seconds - 0.02) * 15, abs=2)
    [sound] = [file for file in result.files if file.source == "microphone"]
    alone = play_track(done.out / sound.name)
    starts = [start + sound.offset_s for start, _ in beeps(alone)]
    assert starts == pytest.approx([beep + 0.02 for beep in BEEPS_S], abs=0.05)


def play_track(path: Path) -> Any:
    """The left channel of a track file, each piece where its time says."""
    pieces = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            data = frame.to_ndarray()
            assert frame.time is not None
            pieces.append((round(frame.time * 48000), data[0] if data.shape[0] == 2 else data[0, ::2]))
    sound = np.zeros(max(at + len(piece) for at, piece in pieces))
    for first, piece in pieces:
        sound[max(0, first) : first + len(piece)] = piece[max(0, -first) :]
    return sound
