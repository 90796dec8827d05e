"""A publisher whose keyframes arrive late or with holes: its recording and a viewer, picture by picture."""

import asyncio
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import pytest

from mediaserver.media import messages as m
from mediaserver.media.core.codecs import vp8
from mediaserver.media.core.packets import rtcp, rtp
from mediaserver.recording.capture.capture import Capture
from mediaserver.recording.composition.composer import Output, compose
from mediaserver.recording.composition.sources import decoder
from mediaserver.recording.timeline.layout import Canvas
from tests.media.conftest import LocalWorker, sfu  # noqa: F401 - fixture
from tests.media.wire import VP8, WirePeer, publish, subscribe
from tests.recording.conftest import Recording
from tests.recording.studio import numbered_picture, play, read_number, vp8_payloads

SSRC, FPS, FRAMES = 0x1111, 15, 60
PACKET = 30
"""Small packets, so that keyframes are of several."""
Fault = Literal["first packet late", "reversed", "hole"]


class Camera:
    """Sends pictures that show their numbers, and a keyframe when one is asked for."""

    def __init__(self, peer: WirePeer, fault: Fault) -> None:
        self._peer, self._fault = peer, fault
        self._encoder: Any = av.CodecContext.create("libvpx", "w")
        self._encoder.width, self._encoder.height, self._encoder.pix_fmt = 320, 180, "yuv420p"
        self._encoder.time_base, self._encoder.framerate = Fraction(1, FPS), FPS
        self._encoder.bit_rate, self._encoder.gop_size, self._encoder.thread_count = 400_000, 10_000, 1
        self._encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        self._sequence = 65_500
        self._answered = 0
        self.keyframes: list[int] = []

    async def film(self, viewer: WirePeer) -> None:
        began_s = asyncio.get_running_loop().time()
        for number in range(FRAMES):
            await asyncio.sleep(max(0.0, began_s + number / FPS - asyncio.get_running_loop().time()))
            self._peer.receive()
            viewer.receive()
            asked = sum(isinstance(one, rtcp.Pli) for one in self._peer.rtcp)
            frame = numbered_picture(320, 180, number).reformat(format="yuv420p")
            frame.pts = number
            if asked > self._answered:
                self._answered, frame.pict_type = asked, av.video.frame.PictureType.I
            for packet in self._encoder.encode(frame):
                await self._send(bytes(packet), number, packet.is_keyframe)

    async def _send(self, data: bytes, number: int, keyframe: bool) -> None:
        payloads = vp8_payloads(data, number, PACKET)
        order = list(range(len(payloads)))
        if keyframe:
            self.keyframes.append(number)
            assert len(order) > 3
            if self._fault == "reversed":
                order.reverse()
            elif self._fault == "first packet late":
                order = [*order[1:], 0]
            elif len(self.keyframes) <= 2:
                del order[1]
        for at in order:
            if keyframe and at == 0 and self._fault == "first packet late":
                await asyncio.sleep(0.005)
            self._peer.send_rtp(
                SSRC, payloads[at], sequence=self._sequence + at & 0xFFFF, timestamp=number * 90_000 // FPS,
                marker=at == len(payloads) - 1,
            )  # fmt: skip
        self._sequence += len(payloads)


def seen(packets: list[bytes]) -> list[int]:
    """The numbers of the pictures that a viewer decodes; whole frames only."""
    by_number = {}
    first = int.from_bytes(packets[0][2:4], "big")
    for packet in packets:
        header = rtp.parse(packet, len(packet))
        assert header is not None
        by_number[(header.sequence - first + 0x8000) & 0xFFFF] = (header, packet)
    context, numbers, parts = decoder("VP8"), [], b""
    expected = min(by_number)
    for at in sorted(by_number):
        header, packet = by_number[at]
        descriptor = vp8.parse(packet, header.header_length, header.payload_length)
        assert descriptor is not None
        if descriptor.start_of_partition:
            parts, expected = b"", at
        if at != expected:  # a hole
            continue
        expected += 1
        parts += packet[header.header_length + descriptor.length :]
        if header.marker:
            try:
                decoded = context.decode(av.Packet(parts))
            except av.FFmpegError:  # no keyframe has come yet
                continue
            numbers += [read_number(frame.to_ndarray(format="rgb24")) for frame in decoded]
    return numbers


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["first packet late", "reversed", "hole"])
async def test_a_person_whose_keyframes_are_late_or_torn_is_in_the_film(
    recording: Recording,
    sfu: LocalWorker,  # noqa: F811
    fault: Fault,
) -> None:
    anna, ben = WirePeer(sfu, "anna"), WirePeer(sfu, "ben")
    await anna.connect()
    await ben.connect()
    codec = VP8.model_copy(update={"nack": fault != "hole"})
    track = await publish(anna, codecs=[codec])
    await subscribe(ben, track)
    await recording.recorder.start(
        recording_id="REC", session_kind="video", session_id="S", title="", started_at=datetime.now(UTC)
    )
    tap, path = await recording.recorder.add_track(
        recording_id="REC", track_id="CAM", participant_id="anna", user_id="anna", username="anna",
        source="camera", kind="video", codec=codec, enabled=True,
    )  # fmt: skip
    await sfu.tap_track(m.TapTrack(track=track, tap=tap, path=path))
    camera = Camera(anna, fault)
    await camera.film(ben)
    await asyncio.sleep(0.3)  # the tap's batches and the journal's flushes
    ben.receive()
    await recording.recorder.stop(recording_id="REC")
    anna.close()
    ben.close()
    whole_from = camera.keyframes[0] if fault != "hole" else camera.keyframes[2]
    live = [number for number in seen(ben.rtp) if number >= whole_from]
    assert live == list(range(whole_from, FRAMES)), "the viewer sees every picture from the whole keyframe on"
    assert whole_from <= 2 * FPS
    done = Capture(recording.settings.data.dir / "captures" / "REC")
    result = await asyncio.to_thread(compose, done, Output(Canvas(320, 180), 25))
    assert result.damages == []
    assert recorded(done.out, result.files[1].name) == live
    program = await asyncio.to_thread(play, done.out / "program.mp4")
    shown = [read_number(frame) for frame in program.frames]
    missing = set(range(max(1, whole_from), FRAMES)) - set(shown)
    assert len(missing) <= 3, f"{sorted(missing)} are not in the film"


def recorded(directory: Path, name: str) -> list[int]:
    """The numbers of all pictures of a track file."""
    with av.open(str(directory / name)) as container:
        return [read_number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
