"""Scenarios with real clients that encode and decode, through a real worker process."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mediaserver.media import messages as m
from tests.media.conftest import Worker
from tests.media.peers import ColourTrack, Peer, ToneTrack, until
from tests.media.relay import Relay

pytestmark = pytest.mark.slow


@pytest.fixture
async def peers(worker: Worker) -> AsyncIterator[list[Peer]]:
    """Peers put here are closed at the end."""
    peers: list[Peer] = []
    yield peers
    await asyncio.gather(*(peer.close() for peer in peers))


async def test_a_rebound_slot_never_falls_back_to_the_former_picture(worker: Worker, peers: list[Peer]) -> None:
    red, blue, viewer = (Peer(worker, name) for name in ("red", "blue", "viewer"))
    peers += [red, blue, viewer]
    await red.join((ColourTrack("red"),))
    await blue.join((ColourTrack("blue"),))
    await viewer.join((), ("video",))
    mid = viewer.slots["video"][0]
    for peer in peers:
        await peer.connected()
    await viewer.see("red-video", mid, revision=1)
    seen = viewer.received[mid]
    await until(lambda: len(seen.colours) >= 10)
    for revision, track in enumerate(("blue-video", "red-video", "blue-video"), start=2):
        colour = track.partition("-")[0]
        start = len(seen.colours)
        await viewer.see(track, mid, revision)
        await until(lambda start=start, colour=colour: seen.colours[start:].count(colour) >= 10)  # type: ignore[misc]
        after = seen.colours[start:]
        assert set(after[after.index(colour) :]) == {colour}
    assert set(seen.colours) == {"red", "blue"}


async def test_a_muted_camera_is_not_seen_until_it_is_enabled(worker: Worker, peers: list[Peer]) -> None:
    red, viewer = Peer(worker, "red"), Peer(worker, "viewer")
    peers += [red, viewer]
    await red.join((ToneTrack(), ColourTrack("red")))
    await viewer.join((), ("audio", "video"))
    await red.connected()
    await viewer.connected()
    for kind in ("audio", "video"):
        await viewer.see(red.tracks[kind], viewer.slots[kind][0])
    picture, sound = (viewer.received[viewer.slots[kind][0]] for kind in ("video", "audio"))
    await until(lambda: picture.frames >= 5 and sound.loudest > 3000)
    for track in red.tracks.values():
        await worker.enable_track(m.EnableTrack(track=track, enabled=False))
    sent = {one.mid: one.packets for one in (await worker.get_stats()).slots}
    dropped = (await worker.get_stats()).dropped.get("disabled", 0)

    async def more_is_dropped() -> bool:
        return (await worker.get_stats()).dropped.get("disabled", 0) >= dropped + 50

    while not await more_is_dropped():
        await asyncio.sleep(0.05)
    assert {one.mid: one.packets for one in (await worker.get_stats()).slots} == sent
    for track in red.tracks.values():
        await worker.enable_track(m.EnableTrack(track=track, enabled=True))
    frames = picture.frames
    await until(lambda: picture.frames >= frames + 5)


@pytest.mark.parametrize("rtx", [True, False])
async def test_five_percent_loss_of_a_publishers_path_is_mended(
    worker: Worker, peers: list[Peer], rtx: bool
) -> None:
    """Both directions of the publisher's path. The viewer's own loss is tested on the wire: aiortc asks only once
    for what it misses, and never goes on without it."""
    red, viewer = Peer(worker, "red", rtx=rtx), Peer(worker, "viewer", rtx=rtx)
    relay = Relay(worker.port)
    peers += [red, viewer]
    try:
        red.port = relay.port
        camera = ColourTrack("red")
        await red.join((camera,))
        await viewer.join((), ("video",))
        await red.connected()
        await viewer.connected()
        await viewer.see("red-video", viewer.slots["video"][0])
        seen = viewer.received[viewer.slots["video"][0]]
        await until(lambda: seen.frames >= 5)
        relay.loss = 0.05
        sent, decoded = camera._count, seen.frames
        await until(lambda: camera._count >= sent + 90, 20)
        relay.loss = 0.0
        await until(lambda: seen.frames - decoded >= 0.95 * (camera._count - sent) - 3, 5)
        assert set(seen.colours) == {"red"}
        assert relay.lost > 0
    finally:
        relay.close()


async def test_h264_goes_through_as_well(worker: Worker, peers: list[Peer]) -> None:
    green, viewer = (Peer(worker, name, video_codec="H264") for name in ("green", "viewer"))
    peers += [green, viewer]
    await green.join((ColourTrack("green"),))
    await viewer.join((), ("video",))
    await green.connected()
    await viewer.connected()
    await viewer.see("green-video", viewer.slots["video"][0])
    seen = viewer.received[viewer.slots["video"][0]]
    await until(lambda: seen.frames >= 15)
    assert set(seen.colours) == {"green"}


async def test_a_client_that_leaves_is_told(worker: Worker, peers: list[Peer]) -> None:
    red = Peer(worker, "red")
    await red.join((ColourTrack("red"),))
    await red.connected()
    await until(lambda: m.TransportChanged(transport="red", state="connected") in worker.events)
    await red.close()
    closed = m.TransportChanged(transport="red", state="closed", reason="client_closed")
    await until(lambda: closed in worker.events)
    assert (await worker.get_stats()).transports == 0


async def test_a_client_with_a_certificate_that_it_did_not_tell_is_refused(
    worker: Worker, peers: list[Peer]
) -> None:
    red = Peer(worker, "red")
    peers.append(red)
    told = worker.connect_transport

    async def lie(request: m.ConnectTransport) -> m.Empty:
        wrong = m.Fingerprint(algorithm="sha-256", value=":".join(["00"] * 32))
        return await told(request.model_copy(update={"fingerprints": [wrong]}))

    worker.connect_transport = lie  # type: ignore[method-assign]
    await red.join((ColourTrack("red"),))
    closed = m.TransportChanged(transport="red", state="closed", reason="dtls_failed")
    await until(lambda: closed in worker.events)
