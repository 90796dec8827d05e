"""A subscriber with a narrow link gets smaller simulcast layers, in the end only sound."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mediaserver.media import messages as m
from mediaserver.media.core.packets import rtcp, rtp
from tests.media.conftest import LocalWorker
from tests.media.peers import until
from tests.media.wire import KEYFRAME, WirePeer, publish, subscribe

SLOT = 0x5000
SMALL = KEYFRAME[:-4] + b"\xa0\x00\x5a\x00"  # 160×90
HIGH, LOW = KEYFRAME + bytes(1000), SMALL + bytes(240)


class Publisher(WirePeer):
    """Sends two layers, 40 keyframes of each a second."""

    async def play(self) -> None:
        sequence = 0
        while True:
            sequence += 1
            for ssrc, rid, payload in ((1, b"h", HIGH), (2, b"l", LOW)):
                self.send_rtp(ssrc, payload, sequence=sequence, timestamp=2250 * sequence, extra=((5, rid),))
            await asyncio.sleep(0.025)
            self.receive()


@pytest.fixture
async def ben(sfu: LocalWorker) -> AsyncIterator[WirePeer]:
    """A viewer of both layers' track, which has the better one."""
    anna, ben = Publisher(sfu, "anna"), WirePeer(sfu, "ben")
    await anna.connect()
    await ben.connect()
    track = await publish(anna, rids=["h", "l"])
    playing = asyncio.create_task(anna.play())
    await until(lambda: len(sfu._router.tracks[track].streams) == 2)
    await subscribe(ben, track)
    await until(
        lambda: all(one.meter.measured(now()).bitrate_bps for one in sfu._router.tracks[track].streams.values())
    )
    assert latest(ben) == len(HIGH)
    yield ben
    playing.cancel()
    anna.close()
    ben.close()


def now() -> float:
    return asyncio.get_running_loop().time()


def latest(ben: WirePeer) -> int:
    """The payload size of the newest packet."""
    ben.receive()
    headers = [rtp.parse(packet, len(packet)) for packet in ben.rtp[-3:]]
    return max((one.payload_length for one in headers if one is not None and one.ssrc == SLOT), default=0)


def bitrate_bps(ben: WirePeer, layer: int) -> int:
    """What the publisher sends of layer 0 (large) or 1 (small) now: less on a busy machine."""
    (track,) = ben.sfu._router.tracks.values()
    return int(track.streams[layer].meter.measured(now()).bitrate_bps)


async def limited(ben: WirePeer, expected_size: int) -> None:
    """Send an estimate too low for the large layer, as often as browsers do, until packets of that size come."""

    def arrived() -> bool:
        nonlocal sent_s
        if now() - sent_s > 0.5:
            sent_s = now()
            ben.send_rtcp(rtcp.build_remb(7, bitrate_bps(ben, 0) * 6 // 10, [SLOT]))
        return latest(ben) == expected_size

    sent_s = 0.0
    await until(arrived)


@pytest.mark.slow
async def test_a_remb_lowers_the_layer_then_suspends_the_slot(ben: WirePeer) -> None:
    await limited(ben, len(LOW))
    slot, transport = ben.transport.slots["9"], ben.transport
    assert (slot.steps_down, slot.suspended) == (1, False)

    def suspended() -> bool:
        ben.send_rtcp(rtcp.build_remb(7, bitrate_bps(ben, 1) // 5, [SLOT]))
        return bool(slot.suspended)

    await until(suspended)
    assert slot.stream is None
    assert transport.downlink.by_remb
    assert m.SlotSuspended(transport="ben", mid="9", track="anna-0", suspended=True) in ben.sfu.events


@pytest.mark.slow
async def test_loss_of_15_percent_for_two_seconds_lowers_the_layer(ben: WirePeer) -> None:
    reported_s, highest = 0.0, 0

    def lowered() -> bool:
        nonlocal reported_s, highest
        if now() - reported_s > 0.5:
            reported_s, highest = now(), highest + 20
            ben.send_rtcp(rtcp.build_rr(7, [rtcp.ReportBlock(SLOT, 39, highest // 8, highest, 0, 0, 0)]))
        return latest(ben) == len(LOW)

    began_s = now()
    await until(lowered)
    assert now() - began_s >= 1.5


async def test_a_new_binding_on_a_narrow_link_begins_with_the_small_layer(
    ben: WirePeer, sfu: LocalWorker
) -> None:
    await limited(ben, len(LOW))
    await sfu.bind_slot(m.BindSlot(transport="ben", mid="9", track="anna-0", revision=2))
    ben.receive()
    ben.rtp.clear()
    await sfu.resume_slot(m.ResumeSlot(transport="ben", mid="9", revision=2))
    await until(lambda: latest(ben) > 0)
    assert latest(ben) == len(LOW)
