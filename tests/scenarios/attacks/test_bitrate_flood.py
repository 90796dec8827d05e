"""A participant sends a hundred megabits a second: nobody else's pictures suffer, and the track is ended."""

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest
from aiortc import RTCCertificate

from mediaserver.loadtest.source import SyntheticVideo
from tests.e2e.server import Server, wait_until
from tests.scenarios.bystander import Bystander
from tests.scenarios.room import Room, events

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

LIMIT_BPS = 6_000_000
"""Twice the default of `media.max_bitrate_bps`."""
PACKET_BITS = 1100 * 8
EXCESS_S = 4


async def test_a_flood_is_cut_to_the_limit_and_its_track_is_ended(tmp_path: Path) -> None:
    async with (
        Server.running(tmp_path, {"media.excess_s": str(EXCESS_S)}) as server,
        Bystander.beside(server) as bystander,
        aiohttp.ClientSession() as http,
    ):
        quiet = await bystander.observe(2)
        certificate = RTCCertificate.generateCertificate()
        room = Room(http, certificate)
        flooder, viewer = await room.open(server.url), await room.enter()
        flood = SyntheticVideo(fps=100, per_frame=120, size=1100, spread=0.0)
        await flooder.negotiate(certificate, [("camera", flood)], 0, 0)
        await viewer.negotiate(certificate, [], 0, 1)
        await wait_until(lambda: bool(viewer.tracks), 5, "the camera is published")
        track = next(iter(viewer.tracks))
        await viewer.subscribe({"v0": track})
        began = time.monotonic()
        playing = asyncio.create_task(flooder.play())
        attacked = await bystander.observe(3)
        elapsed_s = time.monotonic() - began
        received = sum(one.packets for one in viewer.received.values())
        sent = next(iter(flooder.streams.values())).sent
        await wait_until(lambda: bool(events(viewer, "track.unpublished")), 20, "the track is ended")
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        attacked.assert_undisturbed(quiet)
        assert sent > 5 * received > 0, "the flood was none"
        assert received * PACKET_BITS <= LIMIT_BPS * (elapsed_s + 1)
        assert events(flooder, "track.limited") == [{"trackId": track, "reason": "bitrate"}]
        assert [data["reason"] for data in events(viewer, "track.unpublished")] == ["bitrate"]
        await room.close()
