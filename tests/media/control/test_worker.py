"""Real clients through a real worker process."""

import os
import signal

import pytest

from mediaserver.base.processes.channel import ChannelClosed
from mediaserver.media import messages as m
from tests.media.conftest import Worker
from tests.media.peers import ColourTrack, Peer, ToneTrack, until


async def test_two_clients_see_and_hear_each_other_through_the_worker(worker: Worker) -> None:
    anna, ben = Peer(worker, "anna"), Peer(worker, "ben")
    try:
        await anna.join((ToneTrack(), ColourTrack("red")), ("audio", "video"))
        await ben.join((ToneTrack(), ColourTrack("blue")), ("audio", "video"))
        await anna.connected()
        await ben.connected()
        for one, other in ((anna, ben), (ben, anna)):
            for kind in ("audio", "video"):
                await one.see(other.tracks[kind], one.slots[kind][0])
        pictures = [peer.received[peer.slots["video"][0]] for peer in (anna, ben)]
        sounds = [peer.received[peer.slots["audio"][0]] for peer in (anna, ben)]
        await until(lambda: all(one.frames >= 10 for one in pictures))
        await until(lambda: all(one.loudest > 3000 for one in sounds))
        assert set(pictures[0].colours) == {"blue"}
        assert set(pictures[1].colours) == {"red"}
        stats = await worker.get_stats()
        assert stats.transports == 2
        assert {one.track for one in stats.tracks} == {"anna-audio", "anna-video", "ben-audio", "ben-video"}
        assert all(one.packets > 0 for one in stats.slots)
    finally:
        await anna.close()
        await ben.close()


async def test_a_killed_worker_is_told_and_comes_back(worker: Worker) -> None:
    await worker.open_transport(m.OpenTransport(room="room", transport="anna"))
    fingerprint = worker.fingerprint
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    await until(lambda: worker.resets == 1)
    with pytest.raises(ChannelClosed):
        await worker.open_transport(m.OpenTransport(room="room", transport="ben"))
    await until(lambda: worker.alive)
    assert worker.fingerprint == fingerprint
    await worker.open_transport(m.OpenTransport(room="room", transport="anna"))
    assert (await worker.get_stats()).transports == 1


def test_every_request_has_its_method() -> None:
    for op in m.REQUESTS:
        assert op == "configure" or hasattr(Worker, op), op
