"""What a subscriber can make the worker do with its RTCP."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mediaserver.media.core.feedback.retransmission import MIN_BURST_BYTES
from mediaserver.media.core.packets import rtcp
from tests.media.conftest import LocalWorker
from tests.media.peers import until
from tests.media.wire import DELTA, KEYFRAME, OPUS, VP8_BARE, WirePeer, publish, subscribe

SSRC, SLOT = 0x1111, 0x5000
PAYLOAD = KEYFRAME + bytes(1000)


@pytest.fixture
async def anna(sfu: LocalWorker) -> AsyncIterator[WirePeer]:
    peer = WirePeer(sfu, "anna")
    await peer.connect()
    yield peer
    peer.close()


@pytest.fixture
async def ben(sfu: LocalWorker) -> AsyncIterator[WirePeer]:
    peer = WirePeer(sfu, "ben")
    await peer.connect()
    yield peer
    peer.close()


def dropped(peer: WirePeer, reason: str) -> int:
    return int(peer.sfu._port.dropped[reason])


async def forwarded(anna: WirePeer, ben: WirePeer, count: int) -> list[int]:
    """Let `count` packets go from Anna to Ben; their numbers as Ben has them."""
    for _ in range(count):
        anna.send_rtp(SSRC, PAYLOAD)
        await asyncio.sleep(0)
    return [header.sequence for header in await ben.got_rtp(count)]


async def test_a_nack_that_repeats_a_number_is_answered_once(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna))
    numbers = await forwarded(anna, ben, 3)
    repeated = rtcp.build_nack(1, SLOT, [])[:12] + numbers[0].to_bytes(2, "big") + b"\0\0"
    repeated = repeated[:2] + b"\0\3" + repeated[4:]
    ben.send_rtcp(repeated * 30)
    for _ in range(5):
        ben.send_rtcp(rtcp.build_nack(1, SLOT, numbers))
    await until(lambda: ben.transport.slots["9"].retransmitted == 3)
    await ben.got_rtp(6)
    await asyncio.sleep(0.05)
    ben.receive()
    assert len(ben.rtp) == 6


async def test_without_rtx_a_number_is_answered_once_too(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna), codecs=[VP8_BARE], rtx_ssrc=None)
    numbers = await forwarded(anna, ben, 3)
    for _ in range(5):
        ben.send_rtcp(rtcp.build_nack(1, SLOT, numbers))
    await ben.got_rtp(6)
    await asyncio.sleep(0.05)
    ben.receive()
    assert len(ben.rtp) == 6


async def test_a_subscriber_is_sent_again_no_more_than_its_budget(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna))
    numbers = await forwarded(anna, ben, 100)
    before = asyncio.get_running_loop().time()
    for _ in range(10):
        ben.send_rtcp(rtcp.build_nack(1, SLOT, numbers))
        await asyncio.sleep(0.02)
    await until(lambda: dropped(ben, "retransmission_budget") > 100)
    elapsed_s = asyncio.get_running_loop().time() - before
    budget = ben.transport.retransmissions
    allowed = MIN_BURST_BYTES + budget.burst_bytes + elapsed_s * budget.rate_bps / 8
    assert 0 < ben.transport.slots["9"].retransmitted * len(PAYLOAD) <= allowed


async def test_sound_is_sent_again_although_pictures_have_used_the_budget_up(
    anna: WirePeer, ben: WirePeer
) -> None:
    opus = OPUS.model_copy(update={"nack": True})
    await subscribe(ben, await publish(anna, kind="audio", source="microphone", codecs=[opus]), kind="audio",
                    codecs=[opus], rtx_ssrc=None)  # fmt: skip
    anna.send_rtp(SSRC, b"sound", 111)
    (sent,) = await ben.got_rtp(1)
    while ben.transport.retransmissions.take(1200, ben.sfu._clock()):
        pass
    ben.send_rtcp(rtcp.build_nack(1, SLOT, [sent.sequence]))
    await ben.got_rtp(2)
    assert dropped(ben, "retransmission_budget") == 0


async def test_a_storm_of_rtcp_is_dropped_and_counted(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna))
    await forwarded(anna, ben, 1)
    storm = rtcp.build_nack(1, SLOT, range(900))
    for _ in range(60):
        ben.send_rtcp(storm)
        await asyncio.sleep(0)
    await until(lambda: dropped(ben, "rtcp_flood") > 20)
    anna.send_rtp(SSRC, DELTA)
    await ben.got_rtp(2)
    anna.send_rtcp(rtcp.build_sr(SSRC, 5 << 32, 3000, 1, 100))
    await ben.got_rtcp(rtcp.SenderReport)  # others' reports are still taken


async def test_an_excessive_datagram_is_dropped_whole(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna))
    await forwarded(anna, ben, 1)
    ben.send_rtcp(rtcp.build_pli(1, SLOT) * 40)
    await until(lambda: dropped(ben, "rtcp_excessive") == 1)


async def test_a_flood_of_plis_reaches_the_publisher_a_few_times(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna))
    await forwarded(anna, ben, 1)
    for _ in range(100):
        ben.send_rtcp(rtcp.build_pli(1, SLOT) + rtcp.build_fir(1, SLOT, 1))
        anna.send_rtp(SSRC, KEYFRAME)
        await asyncio.sleep(0.01)
        anna.receive()
    assert 1 <= sum(isinstance(one, rtcp.Pli) for one in anna.rtcp) <= 4, "at most one every 400 ms"


async def test_the_round_trip_is_measured_from_receiver_reports(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna))
    await forwarded(anna, ben, 1)
    anna.send_rtcp(rtcp.build_sr(SSRC, 5 << 32 | 7 << 16, 3000, 1, 100))
    report = await ben.got_rtcp(rtcp.SenderReport)
    await asyncio.sleep(0.03)  # the link's delay
    lsr = report.ntp >> 16 & 0xFFFFFFFF
    ben.send_rtcp(rtcp.build_rr(1, [rtcp.ReportBlock(SLOT, 0, 0, 1, 0, lsr, 0)]))
    await until(lambda: ben.transport.rtt.seconds != 0.1)
    assert 0.03 <= ben.transport.rtt.seconds < 1
