"""Recordings of a whole server, made under bad networks and busy computers: every picture by its number."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import av
import pytest
import pytest_asyncio
from aiortc import RTCCertificate

from mediaserver.loadtest.bot import Bot
from tests.e2e.server import Server, wait_until
from tests.recording.studio import play, read_number
from tests.recording.test_late_keyframes import seen as decoded
from tests.recording.test_stalled_capture import beeps
from tests.scenarios.filmed import BEEP_S, FPS, Codec, Fault, Filmed
from tests.scenarios.room import Room, recording_ready

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

STALL = (3.5, 1.5)
"""After so many seconds nothing is captured for so long."""


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """It composes small films of many pictures a second."""
    settings = {"recording.width": "320", "recording.height": "180", "recording.fps": "50"}
    async with Server.running(tmp_path_factory.mktemp("server"), settings) as running:
        yield running


async def ready(room: Room, moderator: Bot, recording: str, to: Path) -> dict[str, Path]:
    """Download a recording that was stopped: the program and the tracks by their source."""
    done = await recording_ready(room.http, room.url, moderator.token, recording)
    links = {"program": done["videoFileUrl"]} | {track["source"]: track["url"] for track in done["tracks"]}
    paths = {}
    for name, link in links.items():
        async with room.http.get(urljoin(room.url, link)) as answer:
            assert answer.status == 200
            paths[name] = to / f"{name}.mp4"
            paths[name].write_bytes(await answer.read())
    return paths


def numbers(path: Path) -> list[int]:
    """The numbers of all pictures of a file, in order."""
    with av.open(str(path)) as container:
        return [read_number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


class Viewer(Bot):
    """Keeps the packets that it receives."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.packets: list[bytes] = []

    def _on_rtp(self, view: memoryview, size: int) -> None:
        assert self._endpoint is not None
        packet = self._endpoint.unprotect(view, size)
        if packet is not None:
            self.packets.append(packet)


def runs(seen: list[int]) -> list[tuple[int, int]]:
    """(first, last) of each stretch of pictures without a gap; one that is shown twice makes no gap."""
    found: list[tuple[int, int]] = []
    for number in seen:
        if found and number - found[-1][1] in (0, 1):
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


async def publisher(
    server: Server, room: Room, certificate: RTCCertificate, codec: Codec, *, simulcast: bool = False,
    sound: bool = False,
) -> tuple[Bot, Filmed]:  # fmt: skip
    """The moderator of a new session, and somebody in it who publishes a camera and, if `sound`, a microphone."""
    moderator = await room.open(server.url)
    ann = await Filmed.enter(room)
    await ann.open(certificate, codec, simulcast=simulcast, sound=sound)
    return moderator, ann


@contextlib.asynccontextmanager
async def filming(ann: Filmed, without: Sequence[str] = ()) -> AsyncIterator[None]:
    """Ann goes on filming meanwhile."""
    going_on = asyncio.create_task(ann.film(60, without))
    try:
        yield
    finally:
        going_on.cancel()
        await asyncio.gather(going_on, return_exceptions=True)


FAULTS: list[list[Fault]] = [
    ["first late", "reversed"], ["doubled"], ["last late"], ["whole", "repaired"],
    ["torn", "first late", "whole"],
]  # fmt: skip


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_no_picture_is_missing_after_keyframes_that_came_late_or_torn(
    tmp_path: Path, http: aiohttp.ClientSession, certificate: RTCCertificate, codec: Codec
) -> None:
    settings = {"media.video_codec": codec, "recording.width": "320", "recording.height": "180"}
    async with Server.running(tmp_path / "data", settings) as server, asyncio.TaskGroup() as group:
        for faults in FAULTS:
            group.create_task(
                check_one_layer(server, Room(http, certificate), certificate, codec, faults, tmp_path)
            )
        group.create_task(check_two_layers(server, Room(http, certificate), certificate, codec, tmp_path))


async def check_one_layer(
    server: Server, room: Room, certificate: RTCCertificate, codec: Codec, faults: list[Fault], tmp_path: Path
) -> None:
    """A recording, and a viewer who comes later, have all pictures from their first whole keyframe on."""
    to = tmp_path / "-".join(faults).replace(" ", "_")
    to.mkdir()
    try:
        moderator, ann = await publisher(server, room, certificate, codec)
        ann.faults = faults
        recording = (await moderator.call("recording.start", {}))["recording"]["id"]
        await ann.film(2)
        viewer, joined = Viewer(room.http, server.url, f"viewer-{to.name}"), ann.number
        room.bots.append(viewer)
        async with filming(ann):
            await viewer.sign_in()
            await viewer.join("video", room.session_id)
            if codec == "VP8":  # bots watch nothing else
                await viewer.negotiate(certificate, [], 0, 1)
                await viewer.subscribe({"v0": next(iter(viewer.tracks))})
                await wait_until(lambda: len(viewer.packets) > 100, 10, "the viewer has pictures")
            else:
                await wait_until(lambda: ann.number > joined + FPS, 10, "more is filmed")
            last = ann.number - 2  # what is still on its way
            await moderator.call("recording.stop", {})
        files = await ready(room, moderator, recording, to)
        whole_from = ann.layers[0].keyframes[faults.count("torn")]
        [(first, end)] = runs(numbers(files["camera"]))
        assert whole_from <= first <= FPS and first in ann.layers[0].keyframes and end >= last, faults
        missing = set(range(first + 1, last)) - set(numbers(files["program"]))
        assert len(missing) <= 2, f"{faults}: {sorted(missing)} are not in the film"
        if codec == "VP8":
            [(begun, seen_last)] = runs(decoded(viewer.packets))
            assert begun in ann.layers[0].keyframes and begun >= joined and seen_last >= last, faults
    finally:
        await room.close()


async def check_two_layers(
    server: Server, room: Room, certificate: RTCCertificate, codec: Codec, tmp_path: Path
) -> None:
    """A recording changes to the smaller layer when the larger one stops, and back without missing a picture."""
    to = tmp_path / "layers"
    to.mkdir()
    try:
        moderator, ann = await publisher(server, room, certificate, codec, simulcast=True)
        ann.faults = ["first late", "reversed", "doubled"]
        recording = (await moderator.call("recording.start", {}))["recording"]["id"]
        await ann.film(1)
        stopped = ann.number
        large, small = ann.layers
        async with filming(ann, without=["f"]):
            await wait_until(lambda: small.keyframes[-1] > stopped, 10, "the smaller layer is asked for")
        again = ann.number
        async with filming(ann):
            await wait_until(lambda: large.keyframes[-1] >= again, 10, "the larger layer is asked for")
            last = ann.number
            await wait_until(lambda: ann.number > last + 5, 10, "more is filmed")
            await moderator.call("recording.stop", {})
        files = await ready(room, moderator, recording, to)
        begun = next(number for number in small.keyframes if number > stopped)
        before, after = runs(numbers(files["camera"]))
        assert before[0] < 3 and before[1] == stopped - 1
        assert after[0] == begun and after[1] > last
        with av.open(str(files["camera"])) as container:
            widths = [frame.width for frame in container.decode(video=0)]
        assert {widths[0], widths[-1]} == {320}
    finally:
        await room.close()


@pytest.mark.parametrize("clock", [False, True], ids=["camera stops its clock", "camera follows the clock"])
async def test_sound_and_picture_are_together_after_camera_and_microphone_stalled(
    server: Server, room: Room, certificate: RTCCertificate, tmp_path: Path, clock: bool
) -> None:
    moderator, ann = await publisher(server, room, certificate, "VP8", sound=True)
    recording = (await moderator.call("recording.start", {}))["recording"]["id"]
    await ann.film_with_sound(7.5, STALL, clock)
    await moderator.call("recording.stop", {})
    files = await ready(room, moderator, recording, tmp_path)
    program = await asyncio.to_thread(play, files["program"])
    heard = [beep for beep in beeps(program.sound) if beep[0] > 0.5]  # the first may be cut
    shown = [read_number(frame) for frame in program.frames]
    assert [length for _, length in heard] == pytest.approx([BEEP_S] * 7, abs=0.03), "none is cut"
    first_s = heard[0][0]
    times = [first_s + second - 1 + (STALL[1] if second >= STALL[0] else 0) for second in range(1, 8)]
    assert [start for start, _ in heard] == pytest.approx(times, abs=0.1)
    for second, (start, _) in enumerate(heard, 1):
        picture_s = next(at for at, number in enumerate(shown) if number >= second * FPS) / program.fps
        assert picture_s == pytest.approx(start, abs=0.06), f"picture and sound of second {second}"
