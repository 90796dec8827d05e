"""A publisher that sends too much: what its receivers and recorders get, and what is said of it."""

import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediaserver.media import messages as m
from tests.media.conftest import HOST, LocalWorker, until
from tests.media.wire import DELTA, KEYFRAME, OPUS, WirePeer, publish, subscribe

CAMERA, SCREEN = 0x1111, 0x2222
MAX_BITRATE_BPS = 100_000
"""The least that can be set: 25 kB may come at once."""


@pytest.fixture
async def sfu(certificate: Path) -> AsyncIterator[LocalWorker]:
    sfu = LocalWorker(
        m.Configure(ip=HOST, port=0, certificate=str(certificate), max_bitrate_bps=MAX_BITRATE_BPS, excess_s=1.0)
    )
    yield sfu
    await sfu.close()


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


def limited(sfu: LocalWorker) -> list[m.TrackLimited]:
    return [event for event in sfu.events if isinstance(event, m.TrackLimited)]


async def arrived(sfu: LocalWorker, count: int) -> None:
    """Wait until the worker has dealt with so many packets, whatever it did with them."""
    await until(lambda: sfu._router.packets_in + sum(sfu._port.dropped.values()) >= count)


async def test_receivers_get_no_more_than_the_limit(sfu: LocalWorker, anna: WirePeer, ben: WirePeer) -> None:
    track = await publish(anna)
    await subscribe(ben, track)
    anna.send_rtp(CAMERA, KEYFRAME)
    for _ in range(99):
        anna.send_rtp(CAMERA, DELTA + bytes(1000))
    await arrived(sfu, 100)
    assert sfu._port.dropped["policed"] >= 70
    assert sum(stream.stats.bytes for stream in anna.transport.reception.streams.values()) <= 25_000 + 2_000
    ben.receive()
    assert 0 < len(ben.rtp) <= 30


async def test_small_packets_are_limited_by_their_number(sfu: LocalWorker, anna: WirePeer) -> None:
    await publish(anna, kind="audio", source="microphone", codecs=[OPUS])
    for _ in range(400):
        anna.send_rtp(CAMERA, b"\xfc" * 3, 111)
    await arrived(sfu, 400)
    assert 200 <= sfu._router.packets_in < 300


async def test_retransmissions_and_padding_count(sfu: LocalWorker, anna: WirePeer) -> None:
    await publish(anna, rtx_ssrcs={CAMERA + 1: CAMERA}, ssrcs=[CAMERA])
    anna.send_rtp(CAMERA, KEYFRAME)
    for sequence in range(50):
        anna.send_rtp(CAMERA + 1, struct.pack("!H", 500) + DELTA + bytes(1000), 97, sequence=1000 + sequence)
    await arrived(sfu, 51)
    assert sfu._port.dropped["policed"] >= 20


async def test_taps_get_nothing_that_is_refused(sfu: LocalWorker, anna: WirePeer, tmp_path: Path) -> None:
    track = await publish(anna)
    await sfu.tap_track(m.TapTrack(track=track, tap=1, path=str(tmp_path / "egress")))
    written: list[int] = []
    tap = sfu._router.tracks[track].taps[1]
    tap.socket.write = lambda number, kind, now_ns, data: written.append(len(data))  # type: ignore[method-assign]
    anna.send_rtp(CAMERA, KEYFRAME)
    for _ in range(99):
        anna.send_rtp(CAMERA, DELTA + bytes(1000))
    await arrived(sfu, 100)
    assert 0 < sum(written) <= 25_000 + 2_000


@pytest.mark.slow
async def test_an_excess_is_reported_and_then_that_it_is_over(sfu: LocalWorker, anna: WirePeer) -> None:
    track = await publish(anna)

    def heard(is_over: bool) -> bool:
        for _ in range(10):
            anna.send_rtp(CAMERA, DELTA + bytes(1000))
        return any(event.is_over is is_over for event in limited(sfu))

    await until(lambda: heard(False))
    await until(lambda: heard(True))
    first, *_ = limited(sfu)
    assert first == m.TrackLimited(transport="anna", track=track, reason="bitrate", is_over=False)


@pytest.mark.slow
async def test_the_largest_of_several_tracks_is_to_blame(sfu: LocalWorker, anna: WirePeer) -> None:
    small, large = await publish(anna), await publish(anna, mid="1", source="screen")

    def heard() -> bool:
        for _ in range(2):
            anna.send_rtp(SCREEN, DELTA + bytes(1000), mid="1")
            anna.send_rtp(CAMERA, DELTA + bytes(300))
        return any(event.is_over for event in limited(sfu))

    await until(heard)
    assert {event.track for event in limited(sfu) if event.is_over} == {large}
    assert small != large


async def test_a_stranger_uses_up_nothing(sfu: LocalWorker, anna: WirePeer) -> None:
    """Datagrams that do not authenticate, from the victim's own address and with its SSRC."""
    await publish(anna)
    anna.send_rtp(CAMERA, KEYFRAME)
    for _ in range(200):
        anna.send(bytes([0x80, 96]) + bytes(2) + bytes(4) + struct.pack("!I", CAMERA) + bytes(1000))
    for _ in range(10):
        anna.send_rtp(CAMERA, DELTA + bytes(1000))
    await arrived(sfu, 211)
    assert sfu._port.dropped["srtp"] == 200
    assert sfu._router.packets_in == 11 and "policed" not in sfu._port.dropped


async def test_unknown_ssrcs_are_decrypted_at_a_bounded_rate(sfu: LocalWorker, anna: WirePeer) -> None:
    await publish(anna)
    anna.send_rtp(CAMERA, KEYFRAME)
    for number in range(600):
        anna.send(bytes([0x80, 96]) + bytes(2) + bytes(4) + struct.pack("!I", number) + bytes(100))
    anna.send_rtp(CAMERA, DELTA)
    await arrived(sfu, 602)
    assert sfu._port.dropped["srtp"] < 400
    assert sfu._port.dropped["unknown_ssrc"] > 200
    assert sfu._router.packets_in == 2


async def test_what_a_closed_track_goes_on_sending_is_not_taken_for_another(
    sfu: LocalWorker, anna: WirePeer
) -> None:
    """Without the mid extension, which browsers leave out after a while, only the payload type would tell."""
    camera, screen = await publish(anna), await publish(anna, mid="1", source="screen")
    anna.send_rtp(CAMERA, KEYFRAME)
    anna.send_rtp(SCREEN, KEYFRAME, mid="1")
    await arrived(sfu, 2)
    await sfu.close_track(m.CloseTrack(track=camera))
    plain = struct.pack("!BBHII", 0x80, 96, 500, 3000, CAMERA) + KEYFRAME
    anna.send(anna.keys.sessions[1].protect(plain))
    anna.send_rtp(SCREEN, DELTA, mid="1")
    await arrived(sfu, 4)
    assert [one.ssrc for one in sfu._router.tracks[screen].streams.values()] == [SCREEN]
    assert sfu._port.dropped["unknown_ssrc"] == 1
    await publish(anna)  # the m-line is used again
    anna.send_rtp(CAMERA, KEYFRAME)
    await arrived(sfu, 5)
    assert [one.ssrc for one in sfu._router.tracks[camera].streams.values()] == [CAMERA]
