"""What a publisher is told to send at most (REMB): the bound of the settings, or less where we estimate."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediaserver.media import messages as m
from mediaserver.media.core.packets import rtcp, rtp
from tests.media.conftest import LocalWorker
from tests.media.wire import DELTA, EXTENSIONS, KEYFRAME, VP8, WirePeer, publish

SSRC = 0x1111
MAX_BITRATE_BPS = 512_000
"""Below the 1 Mbit/s with which the estimate begins, so that only the bound can bring it down to this."""
WITHOUT_TRANSPORT_CC = {uri: number for uri, number in EXTENSIONS.items() if uri != rtp.TRANSPORT_CC}


@pytest.fixture
async def sfu(certificate: Path) -> AsyncIterator[LocalWorker]:
    told = m.Configure(ip="127.0.0.1", port=0, certificate=str(certificate), max_bitrate_bps=MAX_BITRATE_BPS)
    sfu = LocalWorker(told)
    yield sfu
    await sfu.close()


@pytest.fixture
async def anna(sfu: LocalWorker) -> AsyncIterator[WirePeer]:
    peer = WirePeer(sfu, "anna")
    await peer.connect()
    yield peer
    peer.close()


async def publish_without_transport_cc(anna: WirePeer) -> None:
    camera = m.SetTrack(
        transport="anna", track="anna-0", mid="0", kind="video", source="camera", codecs=[VP8],
        extensions=WITHOUT_TRANSPORT_CC,
    )  # fmt: skip
    await anna.sfu.set_track(camera)


async def test_with_transport_cc_the_bound_is_told(anna: WirePeer) -> None:
    await publish(anna)
    for sequence in (1, 2, 5, 6):  # its own estimate copes with loss: the bound stays
        anna.send_rtp(SSRC, KEYFRAME if sequence == 1 else DELTA, sequence=sequence)
    remb = await anna.got_rtcp(rtcp.Remb)
    assert (remb.bitrate_bps, remb.ssrcs) == (MAX_BITRATE_BPS, (SSRC,))
    await anna.got_rtcp(rtcp.TransportFeedback)


async def test_without_transport_cc_our_estimate_is_told_within_the_bound(anna: WirePeer) -> None:
    await publish_without_transport_cc(anna)
    for sequence in (1, 2, 3, 4):
        anna.send_rtp(SSRC, KEYFRAME if sequence == 1 else DELTA, sequence=sequence)
    remb = await anna.got_rtcp(rtcp.Remb)
    assert (remb.bitrate_bps, remb.ssrcs) == (MAX_BITRATE_BPS, (SSRC,))
    assert not any(isinstance(one, rtcp.TransportFeedback) for one in anna.rtcp)


async def test_without_transport_cc_loss_lowers_what_is_told(anna: WirePeer) -> None:
    await publish_without_transport_cc(anna)
    for sequence in (1, 2, 5, 6):  # a third is lost: 1 Mbit/s less a sixth, which is above the bound still
        anna.send_rtp(SSRC, KEYFRAME if sequence == 1 else DELTA, sequence=sequence)
    assert (await anna.got_rtcp(rtcp.Remb)).bitrate_bps == MAX_BITRATE_BPS
    anna.rtcp.clear()
    for sequence in (7, 8, 19, 20):  # ten of fourteen
        anna.send_rtp(SSRC, DELTA, sequence=sequence)
    assert 100_000 <= (await anna.got_rtcp(rtcp.Remb)).bitrate_bps < MAX_BITRATE_BPS
