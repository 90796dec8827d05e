"""A disk that fills up: the recording that writes most is announced and stopped, the others are not cut off.

Captures are on a small file system of their own, which takes root. `tests/recording/test_disk_reserve.py` shows
the same everywhere, without a whole server.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from aiortc import RTCCertificate

from mediaserver.loadtest.source import OpusClip, SyntheticVideo
from tests.e2e.server import Person, Server, wait_until
from tests.scenarios.room import Room, events, recording_ready, refusal

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

MB = 1_000_000
RESERVE = 20 * MB
SPARE = 1_500_000
"""More than the quiet recording needs to go on and be composed, less than the one with a camera needs."""
SETTINGS = {
    "recording.min_free_bytes": str(RESERVE), "recording.stop_notice_s": "3",
    "recording.width": "160", "recording.height": "90", "recording.fps": "10",
}  # fmt: skip


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB where the server keeps its captures."""
    captures = tmp_path / "data" / "captures"
    captures.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(captures)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a file system takes root")
    yield captures
    subprocess.run(["umount", "--lazy", str(captures)], check=True)


def fill(ballast: Path, free: int) -> None:
    """Leave `free` bytes of the file system."""
    with ballast.open("ab") as file:
        os.posix_fallocate(file.fileno(), file.tell(), shutil.disk_usage(ballast.parent).free - free)


async def test_only_the_recording_that_writes_most_is_stopped(
    small_disk: Path, http: aiohttp.ClientSession, certificate: RTCCertificate
) -> None:
    async with Server.running(small_disk.parent, SETTINGS) as server:
        loud, quiet, late = (Room(http, certificate) for _ in range(3))
        runaway, other, third = [await room.open(server.url) for room in (loud, quiet, late)]
        person = await Person.register(http, server.url, "uploader")
        playing = asyncio.create_task(asyncio.sleep(0))
        try:
            big = (await runaway.call("recording.start", {}))["recording"]["id"]
            small = (await other.call("recording.start", {}))["recording"]["id"]
            sources = [("microphone", OpusClip()), ("camera", SyntheticVideo(per_frame=4))]  # 1 Mbit/s
            await runaway.negotiate(certificate, sources, 0, 0)
            playing = asyncio.create_task(runaway.play())
            await quiet.publish(other, video=False)
            await wait_until(lambda: size(small_disk / big) > 200_000, 20, "the camera is recorded")
            await wait_until(lambda: size(small_disk / small) > 1000, 20, "the voice is recorded")
            ballast = small_disk / "ballast"
            fill(ballast, RESERVE + SPARE)
            await wait_until(lambda: events(runaway, "recording.warning"), 10, "the room is warned")
            warning = events(runaway, "recording.warning")[0]["recording"]["warning"]
            assert warning["reason"] == "disk_reserve" and warning["endsAt"]
            assert events(runaway, "recording.stopped") == []
            # What is left belongs to the recordings that run.
            assert "recording_unavailable" in await refusal(third.call("recording.start", {}))
            form = aiohttp.FormData()
            form.add_field("file", b"homework", filename="a.txt")
            status, problem = await person.request("POST", "/uploads", data=form)
            assert (status, problem["code"]) == (507, "disk_reserve")
            await wait_until(lambda: events(runaway, "recording.stopped"), 10, "the recording is stopped")
            assert events(runaway, "recording.stopped")[0]["reason"] == "disk_reserve"
            before = size(small_disk / small)
            await asyncio.sleep(2)
            assert size(small_disk / small) > before
            assert events(other, "recording.warning") == events(other, "recording.stopped") == []
            assert shutil.disk_usage(small_disk).free > RESERVE
            await other.call("recording.stop", {})
            ballast.unlink()
            for bot, recording in ((runaway, big), (other, small)):
                assert (await recording_ready(http, server.url, bot.token, recording))["duration"] > 1
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
            for room in (loud, quiet, late):
                await room.close()


def size(capture: Path) -> int:
    return sum(path.stat().st_size for path in capture.glob("*.journal"))
