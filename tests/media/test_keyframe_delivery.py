"""Keyframes whose packets arrive late or never, on the wire: what viewers and recorders are sent of them."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from mediaserver.media import messages as m
from mediaserver.media.core.packets import rtcp, rtp
from tests.media.conftest import LocalWorker
from tests.media.peers import until
from tests.media.tapping.test_egress_tap import Egress
from tests.media.wire import DELTA, KEYFRAME, VP8, VP8_BARE, WirePeer, publish, subscribe

SSRC = 0x1111
REST = b"\x80\x80\x80\x01" + b"rest"
"""A later packet of the same picture."""
H264 = m.Codec(
    name="H264", payload_type=96, clock_rate=90_000, rtx_payload_type=97, parameters="packetization-mode=1"
)
H264_THERE = H264.model_copy(update={"payload_type": 101, "rtx_payload_type": 102})
SPS, PPS = b"\x67\x42\xc0\x1f" + bytes(8), b"\x68\xce\x3c\x80"
IDR_START, IDR_MORE, IDR_END = b"\x7c\x85aaaa", b"\x7c\x05bbbb", b"\x7c\x45cccc"
SLICE = b"\x41\x9a1234"
FRAMES = {
    "VP8": (
        VP8,
        VP8_THERE := VP8_BARE.model_copy(update={"rtx_payload_type": 102}),
        [KEYFRAME, REST, REST + b"2"],
    ),
    "H264": (H264, H264_THERE, [SPS, PPS, IDR_START, IDR_MORE, IDR_END]),
    "H264 with STAP-A": (
        H264,
        H264_THERE,
        [b"\x78" + b"".join(len(nal).to_bytes(2, "big") + nal for nal in (SPS, PPS)), IDR_START, IDR_END],
    ),
    "H264 in one packet": (
        H264,
        H264_THERE,
        [b"\x78" + b"".join(len(nal).to_bytes(2, "big") + nal for nal in (SPS, PPS, b"\x65abc"))],
    ),
}


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


class Recorder:
    """What a tap of a track has given to egress."""

    def __init__(self, path: Path) -> None:
        self.path = str(path / "egress")
        self._egress = Egress(self.path)
        self.packets: list[bytes] = []

    async def record(self, sfu: LocalWorker, track: str) -> None:
        await sfu.tap_track(m.TapTrack(track=track, tap=4, path=self.path))

    def payloads(self) -> list[bytes]:
        """By sequence number, each once."""
        self.packets += [record.data for record in self._egress.read()]
        return _payloads(self.packets)

    def close(self) -> None:
        self._egress.close()


@pytest.fixture
async def recorder(tmp_path: Path) -> AsyncIterator[Recorder]:
    recorder = Recorder(tmp_path)
    yield recorder
    recorder.close()


def _payloads(packets: Iterable[bytes]) -> list[bytes]:
    headers = [(packet, header) for packet in packets if (header := rtp.parse(packet, len(packet)))]
    first = headers[0][1].sequence if headers else 0
    by_number = {(one.sequence - first + 0x8000) & 0xFFFF: packet[one.header_length :] for packet, one in headers}
    return [by_number[number] for number in sorted(by_number)]


def seen(viewer: WirePeer) -> list[bytes]:
    """What a viewer could decode: the payloads in the order of their numbers."""
    viewer.receive()
    return _payloads(packet for packet in viewer.rtp if packet[1] & 0x7F == 101)


def plis(publisher: WirePeer) -> int:
    publisher.receive()
    return sum(isinstance(one, rtcp.Pli) for one in publisher.rtcp)


def send(publisher: WirePeer, payloads: list[bytes], order: Iterable[int], first: int, timestamp: int) -> None:
    """Packets of one picture, in this order on the wire."""
    for at in order:
        publisher.send_rtp(
            SSRC, payloads[at], sequence=first + at & 0xFFFF, timestamp=timestamp, marker=at == len(payloads) - 1
        )


def retransmit(publisher: WirePeer, sequence: int, payload: bytes, timestamp: int) -> None:
    publisher.send_rtp(SSRC + 1, sequence.to_bytes(2, "big") + payload, 97, sequence=700, timestamp=timestamp)


@pytest.mark.parametrize("first", [10, 0xFFFE])
@pytest.mark.parametrize("codec", FRAMES)
async def test_a_keyframe_in_any_order_reaches_viewers_and_recorders_whole(
    anna: WirePeer, ben: WirePeer, recorder: Recorder, codec: str, first: int
) -> None:
    told, there, frame = FRAMES[codec]
    track = await publish(anna, codecs=[told], ssrcs=[SSRC], rtx_ssrcs={SSRC + 1: SSRC})
    await subscribe(ben, track, codecs=[there])
    await recorder.record(anna.sfu, track)
    send(anna, [DELTA if told is VP8 else SLICE], [0], first - 1 & 0xFFFF, 3000)
    numbers = list(range(len(frame)))
    send(anna, frame, [*numbers[1:], 0], first, 6000)
    following = [DELTA if told is VP8 else SLICE]
    send(anna, following, [0], first + len(frame) & 0xFFFF, 9000)
    await until(lambda: len(seen(ben)) == len(frame) + 1 and len(recorder.payloads()) == len(frame) + 1)
    assert seen(ben) == recorder.payloads() == [*frame, *following]
    assert not anna.transport.reception.streams[SSRC].delivery.is_open


@pytest.mark.parametrize("lost", [0, 1, 2])
async def test_a_keyframe_that_is_mended_by_a_retransmission_is_whole(
    anna: WirePeer, ben: WirePeer, recorder: Recorder, lost: int
) -> None:
    track = await publish(anna, ssrcs=[SSRC], rtx_ssrcs={SSRC + 1: SSRC})
    await subscribe(ben, track)
    await recorder.record(anna.sfu, track)
    frame = [KEYFRAME, REST, REST + b"2"]
    send(anna, [DELTA], [0], 9, 3000)
    send(anna, frame, [at for at in range(3) if at != lost], 10, 6000)
    send(anna, [DELTA], [0], 13, 9000)
    assert (await anna.got_rtcp(rtcp.Nack)).sequences == (10 + lost,)
    retransmit(anna, 10 + lost, frame[lost], 6000)
    await until(lambda: len(seen(ben)) == 4 and len(recorder.payloads()) == 4)
    assert seen(ben) == recorder.payloads() == [*frame, DELTA]


@pytest.mark.parametrize("lost", [0, 1, 2])
async def test_a_keyframe_that_is_never_mended_is_asked_for_again(
    anna: WirePeer, ben: WirePeer, recorder: Recorder, lost: int
) -> None:
    track = await publish(anna, codecs=[VP8.model_copy(update={"nack": False})])
    await subscribe(ben, track)
    await recorder.record(anna.sfu, track)
    frame = [KEYFRAME, REST, REST + b"2"]
    send(anna, [DELTA], [0], 9, 3000)
    await until(lambda: plis(anna) == 1)
    send(anna, frame, [at for at in range(3) if at != lost], 10, 6000)
    send(anna, [DELTA], [0], 13, 9000)
    await until(lambda: plis(anna) >= 2, 3)
    send(anna, frame, range(3), 14, 12_000)
    stream = anna.transport.reception.streams[SSRC]
    await until(lambda: not stream.delivery.is_open and not stream.keyframes.wanted)
    await until(lambda: seen(ben)[-3:] == frame == recorder.payloads()[-3:])


async def test_a_recording_that_begins_within_a_keyframe_has_all_of_it(
    anna: WirePeer, recorder: Recorder
) -> None:
    track = await publish(anna)
    frame = [KEYFRAME, REST, REST + b"2"]
    send(anna, frame, [0, 1], 10, 6000)
    await until(lambda: anna.sfu._router.packets_in == 2)
    await recorder.record(anna.sfu, track)
    send(anna, frame, [2], 10, 6000)
    await until(lambda: len(recorder.payloads()) == 3)
    assert recorder.payloads() == frame


async def test_layers_are_switched_at_whole_keyframes(anna: WirePeer, ben: WirePeer, recorder: Recorder) -> None:
    """The viewer's tile grows, the recorder has taken the small layer since there was no other."""
    track = await publish(anna, rids=["h", "l"])
    small = [KEYFRAME[:-4] + b"\xa0\x00\x5a\x00", REST]  # 160×90

    def layer(ssrc: int, rid: bytes, payloads: list[bytes], order: list[int], first: int, time: int) -> None:
        for at in order:
            anna.send_rtp(
                ssrc, payloads[at], sequence=first + at, timestamp=time, marker=at == len(payloads) - 1,
                extra=((5, rid),),
            )  # fmt: skip

    layer(2, b"l", small, [0, 1], 100, 3000)
    await until(lambda: anna.sfu._router.packets_in == 2)
    await subscribe(ben, track)
    await recorder.record(anna.sfu, track)
    layer(2, b"l", small, [1, 0], 102, 6000)
    await until(lambda: len(seen(ben)) == 2 and len(recorder.payloads()) == 2)
    large = [KEYFRAME, REST + b"1", REST + b"2"]
    layer(1, b"h", [DELTA], [0], 499, 3000)
    await until(lambda: len(anna.transport.reception.streams) == 2)
    layer(1, b"h", large, [1, 2, 0], 500, 6000)
    await until(lambda: len(seen(ben)) == 5)
    assert [payload[4:] for payload in seen(ben)] == [payload[4:] for payload in [*small, *large]]
    recorder.payloads()
    by_ssrc = {
        ssrc: _payloads(one for one in recorder.packets if one[8:12] == ssrc.to_bytes(4, "big"))
        for ssrc in (1, 2)
    }
    assert by_ssrc == {1: large, 2: small}


async def test_a_slot_that_is_bound_to_another_person_begins_with_a_whole_keyframe(
    anna: WirePeer, ben: WirePeer, sfu: LocalWorker
) -> None:
    cara = WirePeer(sfu, "cara")
    await cara.connect()
    tracks = await publish(anna), await publish(cara)
    frame = [KEYFRAME, REST, REST + b"2"]
    await subscribe(ben, tracks[0])
    send(anna, frame, [1, 2, 0], 10, 6000)
    await until(lambda: len(seen(ben)) == 3)
    send(cara, [DELTA], [0], 8, 3000)
    await sfu.bind_slot(m.BindSlot(transport="ben", mid="9", track=tracks[1], revision=2))
    await sfu.resume_slot(m.ResumeSlot(transport="ben", mid="9", revision=2))
    await until(lambda: plis(cara) >= 1)
    send(cara, frame, [2, 1, 0], 9, 6000)
    await until(lambda: len(seen(ben)) == 6)
    assert [payload[4:] for payload in seen(ben)] == [payload[4:] for payload in [*frame, *frame]]
    numbers = [header.sequence for header in await ben.got_rtp(6)]
    assert len({(number - min(numbers)) & 0xFFFF for number in numbers}) == 6
    cara.close()


async def test_after_unmuting_viewer_and_recorder_begin_with_a_whole_keyframe(
    anna: WirePeer, ben: WirePeer, recorder: Recorder
) -> None:
    track = await publish(anna)
    await subscribe(ben, track)
    await recorder.record(anna.sfu, track)
    frame = [KEYFRAME, REST]
    send(anna, frame, [0, 1], 10, 3000)
    await until(lambda: len(seen(ben)) == 2 and len(recorder.payloads()) == 2)
    await anna.sfu.enable_track(m.EnableTrack(track=track, enabled=False))
    send(anna, frame, [0, 1], 12, 6000)
    await until(lambda: anna.sfu._port.dropped["disabled"] == 2)
    await anna.sfu.enable_track(m.EnableTrack(track=track, enabled=True))
    send(anna, [DELTA], [0], 14, 9000)  # nobody can decode it
    send(anna, frame, [1, 0], 15, 12_000)
    await until(lambda: len(seen(ben)) == 4 and len(recorder.payloads()) == 4)
    assert [payload[4:] for payload in seen(ben)] == [payload[4:] for payload in frame * 2]
    assert recorder.payloads() == frame * 2


async def test_a_viewer_that_connects_later_misses_no_keyframe(anna: WirePeer, sfu: LocalWorker) -> None:
    """What is sent before a client is connected reaches nobody, so it is no delivery."""
    late = WirePeer(sfu, "late")
    track = await publish(anna)
    late.ice = await sfu.open_transport(m.OpenTransport(room="room", transport="late"))
    await subscribe(late, track)
    send(anna, [KEYFRAME, REST], [0, 1], 10, 3000)
    await until(lambda: anna.sfu._router.packets_in == 2)
    assert plis(anna) == 0, "nobody could see it"
    await sfu.close_transport(m.CloseTransport(transport="late"))
    await late.connect()
    await subscribe(late, track)
    await until(lambda: plis(anna) == 1)
    send(anna, [KEYFRAME, REST], [1, 0], 12, 6000)
    await until(lambda: len(seen(late)) == 2)
    late.close()


async def test_a_publisher_that_ignores_requests_is_asked_within_the_limits(
    anna: WirePeer, ben: WirePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = await publish(anna)
    await subscribe(ben, track)
    send(anna, [DELTA], [0], 1, 3000)
    await until(lambda: plis(anna) == 1)
    router, began_s = anna.sfu._router, anna.sfu._clock()
    stream = anna.transport.reception.streams[SSRC]
    sent: list[float] = []
    monkeypatch.setattr(router, "_send_pli", lambda _stream: sent.append(0.0))
    for step in range(1, 20 * 50):  # twenty seconds of the server's timer
        router.repeat_keyframe_wish(stream, began_s + 0.1 + step / 50)
    assert 15 <= len(sent) <= 30
