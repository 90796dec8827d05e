"""The SFU on the wire, packet by packet: forwarding, repair, feedback, muting, and what hostile peers send."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediaserver.base.errors import Conflict, NotFound
from mediaserver.media import messages as m
from mediaserver.media.core.packets import rtcp, rtp
from mediaserver.media.core.packets.packet_cache import VIDEO_SLOTS
from mediaserver.media.tapping.framing import Record
from tests.media.conftest import LocalWorker
from tests.media.peers import until
from tests.media.tapping.test_egress_tap import Egress
from tests.media.wire import DELTA, KEYFRAME, OPUS, VP8_BARE, WirePeer, publish, subscribe

SSRC = 0x1111


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


@pytest.fixture
async def cara(sfu: LocalWorker) -> AsyncIterator[WirePeer]:
    peer = WirePeer(sfu, "cara")
    await peer.connect()
    yield peer
    peer.close()


async def test_packets_go_out_in_the_slots_own_numbering(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna))
    anna.send_rtp(SSRC, DELTA)  # nobody can begin with it
    for payload in (KEYFRAME, DELTA, DELTA):
        anna.send_rtp(SSRC, payload, marker=payload is DELTA)
    headers = await ben.got_rtp(3)
    first = headers[0].sequence
    assert [one.sequence for one in headers] == [first, first + 1 & 0xFFFF, first + 2 & 0xFFFF]
    assert {(one.ssrc, one.payload_type) for one in headers} == {(0x5000, 101)}
    assert [one.marker for one in headers] == [False, True, True]
    assert [ben.rtp[0][one.header_length :] for one in headers[:1]] == [KEYFRAME]
    assert not rtp.elements(ben.rtp[0], headers[0]), "mid and transport-wide number of the publisher are blanked"


async def test_a_late_subscriber_asks_for_a_keyframe_and_begins_with_it(anna: WirePeer, ben: WirePeer) -> None:
    track = await publish(anna)
    anna.send_rtp(SSRC, KEYFRAME)
    await until(lambda: anna.transport.reception.streams)
    await subscribe(ben, track)
    pli = await anna.got_rtcp(rtcp.Pli)
    assert pli.media_ssrc == SSRC
    anna.send_rtp(SSRC, DELTA)
    anna.send_rtp(SSRC, KEYFRAME)
    await ben.got_rtp(1)
    assert ben.rtp[0].endswith(KEYFRAME)


async def test_a_lost_packet_is_asked_for_and_its_retransmission_forwarded(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna, ssrcs=[SSRC], rtx_ssrcs={SSRC + 1: SSRC}))
    for sequence in (10, 11, 13, 14):
        anna.send_rtp(SSRC, KEYFRAME if sequence == 10 else DELTA, sequence=sequence)
    nack = await anna.got_rtcp(rtcp.Nack)
    assert (nack.media_ssrc, nack.sequences) == (SSRC, (12,))
    anna.send_rtp(SSRC + 1, b"\x00\x0c" + DELTA + b"mended", 97, sequence=500)
    headers = await ben.got_rtp(5)
    assert headers[4].sequence == headers[0].sequence + 2 & 0xFFFF
    assert headers[4].payload_type == 101
    assert ben.rtp[4].endswith(b"mended")


async def test_a_publisher_cannot_have_a_number_encrypted_twice(
    anna: WirePeer, ben: WirePeer, sfu: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two packets under one number would repeat a GCM nonce (RFC 7714 section 8.4)."""
    await subscribe(ben, await publish(anna, ssrcs=[SSRC], rtx_ssrcs={SSRC + 1: SSRC}))
    for sequence in (10, 11, 12 + VIDEO_SLOTS):
        anna.send_rtp(SSRC, KEYFRAME if sequence == 10 else DELTA, sequence=sequence)
    await ben.got_rtp(3)
    later = sfu._loop.time() + 60  # so that the packet cache holds on to nothing
    monkeypatch.setattr(sfu._router, "_clock", lambda: later)
    for number in (10, 11, 12):  # 12 is new, and gives its place in the cache up for it
        anna.send_rtp(SSRC + 1, number.to_bytes(2, "big") + DELTA + b"other", 97, sequence=number)
    await ben.got_rtp(4)
    anna.send_rtp(SSRC + 1, (12 + VIDEO_SLOTS).to_bytes(2, "big") + DELTA + b"other", 97, sequence=20)
    await until(lambda: sfu._port.dropped["protect"] == 1)
    ben.receive()
    numbers = [rtp.FIXED_HEADER.unpack_from(packet)[2] for packet in ben.rtp]
    assert len(set(numbers)) == len(numbers) == 4


async def test_a_nack_of_a_subscriber_is_answered_by_rtx(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna))
    anna.send_rtp(SSRC, KEYFRAME)
    (sent,) = await ben.got_rtp(1)
    ben.send_rtcp(rtcp.build_nack(7, 0x5000, [sent.sequence]))
    again = (await ben.got_rtp(2))[1]
    assert (again.ssrc, again.payload_type, again.timestamp) == (0x5001, 102, sent.timestamp)
    payload = ben.rtp[1][again.header_length :]
    assert payload == sent.sequence.to_bytes(2, "big") + KEYFRAME
    assert (await ben.sfu.get_stats(m.GetStats())).slots[0].retransmitted == 1


async def test_without_rtx_the_very_same_datagram_is_sent_again(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna), codecs=[VP8_BARE], rtx_ssrc=None)
    slot = ben.transport.slots["9"]
    anna.send_rtp(SSRC, KEYFRAME)
    (sent,) = await ben.got_rtp(1)
    stored = slot.sent[sent.sequence]
    ben.send_rtcp(rtcp.build_nack(7, 0x5000, [sent.sequence]))
    await ben.got_rtp(2)
    assert ben.rtp[1] == stored


async def test_a_muted_track_is_dropped_on_arrival_and_leaves_no_gap(anna: WirePeer, ben: WirePeer) -> None:
    track = await publish(anna)
    await subscribe(ben, track)
    anna.send_rtp(SSRC, KEYFRAME)
    (before,) = await ben.got_rtp(1)
    await anna.sfu.enable_track(m.EnableTrack(track=track, enabled=False))
    for _ in range(20):
        anna.send_rtp(SSRC, KEYFRAME)
    await until(lambda: anna.sfu._port.dropped["disabled"] == 20)
    ben.receive()
    assert len(ben.rtp) == 1
    await anna.sfu.enable_track(m.EnableTrack(track=track, enabled=True))
    anna.send_rtp(SSRC, KEYFRAME)
    after = (await ben.got_rtp(2))[1]
    assert after.sequence == before.sequence + 1 & 0xFFFF


async def test_padding_is_not_forwarded_and_its_gap_closed(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna))
    anna.send_rtp(SSRC, KEYFRAME)
    padding = bytearray(anna.packet(SSRC, bytes(9) + b"\x0a"))
    padding[0] |= 0x20
    anna.send(anna.keys.sessions[1].protect(bytes(padding)))
    anna.send_rtp(SSRC, DELTA)
    first, second = await ben.got_rtp(2)
    assert second.sequence == first.sequence + 1 & 0xFFFF


async def test_rebinding_continues_all_numbers(
    anna: WirePeer, ben: WirePeer, cara: WirePeer, sfu: LocalWorker
) -> None:
    await subscribe(ben, await publish(anna))
    other = await publish(cara)
    anna.send_rtp(SSRC, KEYFRAME)
    (first,) = await ben.got_rtp(1)
    await sfu.bind_slot(m.BindSlot(transport="ben", mid="9", track=other, revision=2))
    cara.send_rtp(SSRC, KEYFRAME)
    anna.send_rtp(SSRC, KEYFRAME)
    await until(lambda: SSRC in cara.transport.reception.streams)
    await sfu.resume_slot(m.ResumeSlot(transport="ben", mid="9", revision=1))  # of the former binding
    assert not ben.transport.slots["9"].resumed
    await sfu.resume_slot(m.ResumeSlot(transport="ben", mid="9", revision=2))
    cara.send_rtp(SSRC, KEYFRAME)
    second = (await ben.got_rtp(2))[1]
    assert second.sequence == first.sequence + 1 & 0xFFFF
    at = second.header_length
    assert ben.rtp[1][at + 2 : at + 4] == b"\x80\x02", "picture id 1 again would look like the same picture"


async def test_simulcast_layers_are_learned_and_a_small_tile_gets_the_small_one(
    anna: WirePeer, ben: WirePeer
) -> None:
    track = await publish(anna, rids=["r_0", "r-1"])
    small = KEYFRAME[:-4] + b"\xa0\x00\x5a\x00"  # 160×90
    for ssrc, rid, payload in ((1, b"r_0", KEYFRAME), (2, b"r-1", small)):
        anna.send_rtp(ssrc, payload, sequence=1, extra=((5, rid),))
    await until(lambda: len(anna.transport.reception.streams) == 2)
    await subscribe(ben, track)
    await anna.sfu.bind_slot(
        m.BindSlot(transport="ben", mid="9", track=track, revision=2, max_width=160, max_height=90)
    )
    await anna.sfu.resume_slot(m.ResumeSlot(transport="ben", mid="9", revision=2))
    anna.send_rtp(1, KEYFRAME, sequence=2)
    anna.send_rtp(2, small, sequence=2)
    await ben.got_rtp(1)
    assert ben.rtp[0].endswith(small)


async def test_arrivals_are_fed_back_and_reports_exchanged(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna))
    anna.send_rtp(SSRC, KEYFRAME)
    anna.send_rtcp(rtcp.build_sr(SSRC, 5 << 32, 3000, 1, 100))
    await anna.got_rtcp(rtcp.TransportFeedback)
    assert (await anna.got_rtcp(rtcp.ReceiverReport)).reports[0].ssrc == SSRC
    assert (await anna.got_rtcp(rtcp.Remb)).bitrate_bps > 0
    report = await ben.got_rtcp(rtcp.SenderReport)
    assert (report.ssrc, report.packets) == (0x5000, 1)


async def test_speakers_are_ranked_by_their_levels(anna: WirePeer, ben: WirePeer, sfu: LocalWorker) -> None:
    for peer in (anna, ben):
        await publish(peer, kind="audio", source="microphone", codecs=[OPUS])

    def talk() -> bool:
        anna.send_rtp(SSRC, b"quiet", 111, extra=((4, b"\x46"),))
        ben.send_rtp(SSRC, b"loud", 111, extra=((4, b"\x05"),))
        return m.SpeakersChanged(room="room", tracks=["ben-0"]) in sfu.events

    await until(talk)


async def test_a_codec_that_a_slot_cannot_carry_is_told(anna: WirePeer, ben: WirePeer) -> None:
    h264 = m.Codec(name="H264", payload_type=120, clock_rate=90_000, parameters="packetization-mode=1")
    await subscribe(ben, await publish(anna), codecs=[h264])
    assert ben.sfu.events[-1] == m.SlotUnsupported(transport="ben", mid="9", track="anna-0")


async def test_a_client_that_moves_is_followed(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna))
    ben.move()
    await ben.check(nominate=True)
    anna.send_rtp(SSRC, KEYFRAME)
    await ben.got_rtp(1)


async def test_steady_slots_follow_moves_and_answer_nacks(
    anna: WirePeer, ben: WirePeer, cara: WirePeer, sfu: LocalWorker
) -> None:
    track = await publish(anna)
    for peer in (ben, cara):
        await subscribe(peer, track)
    for count in range(1, 6):
        anna.send_rtp(SSRC, KEYFRAME if count == 1 else DELTA)
        for peer in (ben, cara):
            await peer.got_rtp(count)
    assert anna.transport.reception.streams[SSRC].fast_paths
    last = (await ben.got_rtp(5))[4].sequence
    ben.send_rtcp(rtcp.build_nack(7, 0x5000, [last]))
    headers = await ben.got_rtp(6)
    assert ben.rtp[5][headers[5].header_length :] == last.to_bytes(2, "big") + DELTA
    ben.move()
    await ben.check(nominate=True)
    anna.send_rtp(SSRC, DELTA)
    assert (await ben.got_rtp(7))[6].sequence == last + 1 & 0xFFFF
    await sfu.close_transport(m.CloseTransport(transport="ben"))
    anna.send_rtp(SSRC, DELTA)
    await cara.got_rtp(7)
    assert [one.packets for one in (await sfu.get_stats(m.GetStats())).slots] == [7]


async def test_an_ice_restart_keeps_the_media_flowing(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna))
    anna.send_rtp(SSRC, KEYFRAME)
    await ben.got_rtp(1)
    ben.own = m.IceParameters(ufrag="again", pwd="a new password for ben".ljust(24, "x"))
    ben.ice = await ben.sfu.restart_ice(m.RestartIce(transport="ben", ice=ben.own))
    ben.move()
    answer = await ben.check(nominate=True)
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == ben.sock.getsockname()
    anna.send_rtp(SSRC, DELTA)
    await ben.got_rtp(2)


async def test_each_client_is_served_from_the_address_that_it_asked(certificate: Path) -> None:
    sfu = LocalWorker(m.Configure(ip="0.0.0.0", port=0, certificate=str(certificate)))
    anna, ben = WirePeer(sfu, "anna", "127.0.0.1"), WirePeer(sfu, "ben", "127.0.0.2")
    ben.sock.connect(("127.0.0.2", sfu.port))
    for peer in (anna, ben):
        await peer.connect()
    await subscribe(ben, await publish(anna))
    anna.send_rtp(SSRC, KEYFRAME)
    await ben.got_rtp(1)
    anna.asked = "127.0.0.3"  # another pair of candidates, then nominated
    await anna.check(nominate=True)
    anna.send_rtp(SSRC, DELTA)
    await ben.got_rtp(2)
    for peer in (anna, ben):
        peer.close()
    await sfu.close()


async def test_a_stranger_reaches_no_transport(anna: WirePeer, ben: WirePeer, sfu: LocalWorker) -> None:
    await subscribe(ben, await publish(anna))
    stranger = WirePeer(sfu, "stranger")
    for first in (0x80, 0x16, 0x7F, 0xFF):
        stranger.send(bytes([first]) * 60)
    stranger.send(anna.keys.sessions[1].protect(anna.packet(SSRC, KEYFRAME)))
    await until(lambda: sfu._port.dropped["stranger"] == 5)
    assert not anna.transport.reception.streams
    stranger.close()


async def test_garbage_of_one_disturbs_nobody_else(
    anna: WirePeer, ben: WirePeer, cara: WirePeer, sfu: LocalWorker
) -> None:
    await subscribe(ben, await publish(anna))
    chance = random.Random(5)
    for number in range(300):
        garbage = chance.randbytes(chance.randrange(1, 1600))
        if number % 3 == 0:
            cara.send(garbage)
        elif number % 3 == 1 and 12 <= len(garbage) < 1300:  # authenticated, and still garbage
            head = bytes([0x80 | number & 0x0F, 96]) + garbage[2:12]
            cara.send(cara.keys.sessions[1].protect(head + garbage[12:].ljust(64, b"\0")))
        elif len(garbage) < 1300:
            cara.send_rtcp(bytes([0x81, 200 + number % 8]) + garbage[2:8].ljust(6, b"\0") + garbage[8:])
    cara.send_rtcp(rtcp.build_pli(1, 0x5000) + rtcp.build_nack(1, SSRC, [1]) + rtcp.build_bye([SSRC]))
    anna.send_rtp(SSRC, KEYFRAME)
    await ben.got_rtp(1)
    assert len(cara.transport.reception._unknown) <= 64
    assert len(cara.transport._rtcp_ssrcs) <= 256


async def test_a_tap_gets_the_publishers_own_packets(anna: WirePeer, sfu: LocalWorker, tmp_path: Path) -> None:
    egress = Egress(str(tmp_path / "egress"))
    track = await publish(anna)
    await sfu.tap_track(m.TapTrack(track=track, tap=4, path=str(tmp_path / "egress")))
    packet = anna.packet(SSRC, KEYFRAME)
    anna.send(anna.keys.sessions[1].protect(packet))
    await until(lambda: anna.transport.reception.streams)
    report = rtcp.build_sr(SSRC, 5 << 32, 3000, 1, 100)
    anna.send_rtcp(report)
    records = []

    def there() -> bool:
        records.extend(egress.read())
        return len(records) == 2

    await until(there)
    assert [(one.tap, one.kind, one.data) for one in records] == [(4, 0, packet), (4, 1, report)]
    await sfu.untap_track(m.UntapTrack(track=track, tap=4))
    egress.close()


async def test_a_tap_gets_padding_too_since_it_numbers_as_the_publisher_does(
    anna: WirePeer, sfu: LocalWorker, tmp_path: Path
) -> None:
    egress = Egress(str(tmp_path / "egress"))
    track = await publish(anna)
    await sfu.tap_track(m.TapTrack(track=track, tap=4, path=str(tmp_path / "egress")))
    first = anna.packet(SSRC, KEYFRAME)
    padding = bytearray(anna.packet(SSRC, bytes(9) + b"\x0a"))
    padding[0] |= 0x20
    last = anna.packet(SSRC, DELTA)
    for packet in (first, bytes(padding), last):
        anna.send(anna.keys.sessions[1].protect(packet))
    records: list[Record] = []

    def there() -> bool:
        records.extend(egress.read())
        return len(records) == 3

    await until(there)
    assert [one.data for one in records] == [first, padding, last]
    egress.close()


async def test_loss_that_stays_asks_for_a_keyframe_for_a_tap_alone(
    anna: WirePeer, sfu: LocalWorker, tmp_path: Path
) -> None:
    egress = Egress(str(tmp_path / "egress"))
    track = await publish(anna)
    anna.send_rtp(SSRC, KEYFRAME, sequence=10)
    await until(lambda: anna.transport.reception.streams)
    await sfu.tap_track(m.TapTrack(track=track, tap=4, path=str(tmp_path / "egress")))
    await anna.got_rtcp(rtcp.Pli)
    anna.send_rtp(SSRC, KEYFRAME, sequence=11)
    await until(lambda: not anna.transport.reception.streams[SSRC].keyframes.wanted)
    anna.receive()
    anna.rtcp.clear()
    for sequence in (13, 14):
        anna.send_rtp(SSRC, DELTA, sequence=sequence)
    assert (await anna.got_rtcp(rtcp.Pli)).media_ssrc == SSRC
    egress.close()


async def test_bursts_go_out_whole_with_and_without_gso(anna: WirePeer, ben: WirePeer, sfu: LocalWorker) -> None:
    await subscribe(ben, await publish(anna))
    anna.send_rtp(SSRC, KEYFRAME)
    await ben.got_rtp(1)
    for gso, count in ((True, 9), (False, 17)):
        sfu._port.gso = gso and sfu._port.gso
        for size in (900, 900, 900, 300, 900, 900, 200, 901):
            anna.send_rtp(SSRC, DELTA + bytes(size))
        await ben.got_rtp(count)
    headers = await ben.got_rtp(17)
    assert sorted((one.sequence - headers[0].sequence) & 0xFFFF for one in headers) == list(range(17))


async def test_requests_for_what_is_not_there_are_refused(sfu: LocalWorker, anna: WirePeer) -> None:
    with pytest.raises(NotFound, match="no transport"):
        await sfu.restart_ice(m.RestartIce(transport="nobody", ice=anna.own))
    with pytest.raises(NotFound, match="no track"):
        await sfu.enable_track(m.EnableTrack(track="nothing", enabled=True))
    with pytest.raises(Conflict):
        await sfu.open_transport(m.OpenTransport(room="room", transport="anna"))
    await sfu.close_transport(m.CloseTransport(transport="nobody"))
    await sfu.close_track(m.CloseTrack(track="nothing"))


async def test_what_stays_missing_is_asked_for_again(anna: WirePeer, ben: WirePeer) -> None:
    await subscribe(ben, await publish(anna))
    for sequence in (10, 11, 14, 15):
        anna.send_rtp(SSRC, KEYFRAME if sequence == 10 else DELTA, sequence=sequence)
    assert (await anna.got_rtcp(rtcp.Nack)).sequences == (12, 13)
    anna.send_rtp(SSRC, DELTA + b"thirteen", sequence=13)  # without RTX the packet itself comes again
    anna.rtcp.clear()
    assert (await anna.got_rtcp(rtcp.Nack)).sequences == (12,)
    anna.send_rtp(SSRC, DELTA + b"twelve", sequence=12)
    headers = await ben.got_rtp(6)
    assert [(one.sequence - headers[0].sequence) & 0xFFFF for one in headers] == [0, 1, 4, 5, 3, 2]


@pytest.mark.slow
async def test_the_work_of_every_second_is_spread(sfu: LocalWorker) -> None:
    """A full room: no tick does the reports of more than a few of its transports."""
    for number in range(50):
        await sfu.open_transport(m.OpenTransport(room="room", transport=f"peer-{number}"))
    peers = list(sfu._transports.values())
    for _ in range(3):  # they stay apart
        before = [peer.reported_s for peer in peers]
        await until(
            lambda before=before: all(
                peer.reported_s > former for peer, former in zip(peers, before, strict=True)
            ),
            3,
        )
        assert max(Counter(peer.reported_s for peer in peers).values()) <= 3
