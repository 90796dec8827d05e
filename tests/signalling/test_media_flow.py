"""A picture and a sound from one WebRTC client to another: a real media worker, the public protocol."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiortc import (
    AudioStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)

from mediaserver.media.control.client import MediaWorkers, WorkerSettings
from mediaserver.media.net.addresses import announced
from mediaserver.media.net.certificate import ensure_certificate
from tests.rooms.fakes import until
from tests.signalling.conftest import Live, Someone

pytestmark = pytest.mark.slow


@pytest.fixture
async def media(tmp_path: Path) -> AsyncIterator[tuple[MediaWorkers, tuple[str, ...]]]:
    """A real one."""
    certificate = tmp_path / "dtls.pem"
    ensure_certificate(certificate)
    workers = MediaWorkers(1, WorkerSettings(ip="0.0.0.0", certificate=certificate))
    running = asyncio.create_task(workers.run())
    await workers.ready()
    yield workers, announced([], "0.0.0.0")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


class Peer:
    """A client's connection: it publishes microphone and camera and has one slot of each kind."""

    def __init__(self, someone: Someone) -> None:
        self.someone = someone
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.frames: dict[str, int] = {}
        self._readers: list[asyncio.Task[None]] = []

    async def negotiate(self, generation: int = 1) -> Any:
        self.pc.addTransceiver(AudioStreamTrack(), direction="sendonly")
        self.pc.addTransceiver(VideoStreamTrack(), direction="sendonly")
        slots = [self.pc.addTransceiver(kind, direction="recvonly") for kind in ("audio", "video")]
        await self.pc.setLocalDescription(await self.pc.createOffer())
        tracks = {"0": {"source": "microphone"}, "1": {"source": "camera"}}
        body = {"generation": generation, "sdp": self.pc.localDescription.sdp, "tracks": tracks}
        answer = await self.someone.ask("media.negotiate", body)
        assert answer["ok"], answer
        await self.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        self._readers = [asyncio.create_task(self._read(slot)) for slot in slots]
        return answer

    async def _read(self, transceiver: Any) -> None:
        while True:
            await transceiver.receiver.track.recv()
            self.frames[transceiver.kind] = self.frames.get(transceiver.kind, 0) + 1

    async def close(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await self.pc.close()


async def test_two_people_see_and_hear_each_other_also_after_the_worker_was_killed(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    for generation in (1, 2):
        peers = [Peer(mia), Peer(ben)]
        for peer in peers:
            await peer.negotiate(generation)
        for someone in (mia, ben):
            slots = [{"mid": "2", "trackId": "auto"}, {"mid": "3", "trackId": "auto"}]
            assert (await someone.ask("media.subscribe", {"slots": slots}))["ok"]
        for peer in peers:
            await until(lambda peer=peer: min(peer.frames.get(k, 0) for k in ("audio", "video")) > 10, 15)  # type: ignore[misc]
        if generation == 1:
            os.kill(live.workers.workers[0].pid, signal.SIGKILL)
            for someone in (mia, ben):
                assert (await someone.hears("media.reset"))["generation"] == 2
        for peer in peers:
            await peer.close()
