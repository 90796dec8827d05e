"""Payloads to access units: whole frames only, and after a loss from the next keyframe on."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.recording.capture.journal import Header
from mediaserver.recording.timeline.depacketize import PATIENCE, Unit, units
from mediaserver.recording.timeline.packets import Packet
from tests.recording.studio import Sender, encoded, h264_payloads, track, vp8_payloads

ANN = Sender("ann")
VP8 = track("CAM", ANN, "camera", "VP8").header
H264 = track("CAM", ANN, "camera", "H264").header
OPUS = track("MIC", ANN, "microphone", "opus").header
TICKS = 6000


def frames(codec: str, count: int = 8, keyframe_every: int = 5) -> list[bytes]:
    return [data for data, _ in encoded(codec, 320, 180, (200, 100, 50), count, 15, keyframe_every)]


def packets(codec: str, sent: list[bytes], size: int = 300) -> list[list[Packet]]:
    """The packets of each frame."""
    sequence, made = 0, []
    for number, data in enumerate(sent):
        payloads = vp8_payloads(data, number, size) if codec == "VP8" else h264_payloads(data, size)
        made.append(
            [
                Packet(7, sequence + index, number * TICKS, index == len(payloads) - 1, payload, 0, None)
                for index, payload in enumerate(payloads)
            ]
        )
        sequence += len(payloads)
    return made


def flat(made: Iterable[list[Packet]]) -> list[Packet]:
    return [packet for frame in made for packet in frame]


def depacketized(header: Header, sent: Iterable[Packet]) -> list[Unit]:
    return list(units(header, sent))


def numbers(found: list[Unit]) -> list[int]:
    return [unit.timestamp // TICKS for unit in found]


def annexb(data: bytes) -> bytes:
    return b"".join(
        b"\0\0\0\1" + nal.rstrip(b"\0") for nal in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if nal
    )


def test_vp8_frames_come_out_as_they_were_encoded() -> None:
    sent = frames("VP8")
    found = depacketized(VP8, flat(packets("VP8", sent)))
    assert [unit.data for unit in found] == sent
    assert [unit.keyframe for unit in found][:6] == [True, False, False, False, False, True]


def test_h264_frames_come_out_as_annex_b() -> None:
    sent = frames("H264")
    found = depacketized(H264, flat(packets("H264", sent)))
    assert [unit.data for unit in found] == [annexb(data) for data in sent]
    assert [unit.keyframe for unit in found][:6] == [True, False, False, False, False, True]


@pytest.mark.parametrize(("codec", "header"), [("VP8", VP8), ("H264", H264)])
@pytest.mark.parametrize("which", ["first", "middle", "last"])
def test_a_lost_packet_withholds_frames_until_the_next_keyframe(codec: str, header: Header, which: str) -> None:
    made = packets(codec, frames(codec), size=10)
    hurt = made[2]
    assert len(hurt) >= 3
    del hurt[{"first": 0, "middle": len(hurt) // 2, "last": -1}[which]]
    assert numbers(depacketized(header, flat(made))) == [0, 1, 5, 6, 7]


@pytest.mark.parametrize(("codec", "header"), [("VP8", VP8), ("H264", H264)])
def test_a_lost_frame_withholds_frames_until_the_next_keyframe(codec: str, header: Header) -> None:
    made = packets(codec, frames(codec))
    del made[2]
    assert numbers(depacketized(header, flat(made))) == [0, 1, 5, 6, 7]


@pytest.mark.parametrize(("codec", "header"), [("VP8", VP8), ("H264", H264)])
def test_nothing_comes_before_the_first_keyframe(codec: str, header: Header) -> None:
    made = packets(codec, frames(codec))
    assert numbers(depacketized(header, flat(made[1:]))) == [5, 6, 7]


def test_missing_padding_between_vp8_frames_is_no_loss() -> None:
    made = packets("VP8", frames("VP8", keyframe_every=100))
    shifted = [
        packet._replace(sequence=packet.sequence + 5 * (number > 3))
        for number, frame in enumerate(made)
        for packet in frame
    ]
    assert numbers(depacketized(VP8, shifted)) == list(range(8))


def test_probes_within_the_numbering_are_no_loss() -> None:
    first, second, *_ = packets("H264", frames("H264"))
    after = first[-1].sequence + 1
    probe = Packet(7, after, second[0].timestamp, False, b"", 0, None)
    moved = [packet._replace(sequence=packet.sequence + 1) for packet in second]
    assert numbers(depacketized(H264, [*first, probe, *moved])) == [0, 1]


def test_patience_ends_when_no_keyframe_comes() -> None:
    made = packets("VP8", frames("VP8", count=60, keyframe_every=1000))
    del made[5]
    found = numbers(depacketized(VP8, flat(made)))
    assert found[:5] == [0, 1, 2, 3, 4]
    assert found[5] == 6 + PATIENCE // TICKS + 1


def test_h264_keyframes_get_their_parameter_sets_again() -> None:
    made = packets("H264", frames("H264"))
    bare = made[5][1:]  # without the STAP-A
    moved = [packet._replace(sequence=packet.sequence - 1) for packet in bare]
    found = depacketized(H264, [*flat(made[:5]), *moved])
    assert found[5].keyframe
    assert [nal[0] & 31 for nal in found[5].data.split(b"\0\0\0\1")[1:]] == [7, 8, 5]


def test_parameter_sets_may_come_in_the_description() -> None:
    header = H264.model_copy(update={"parameters": "packetization-mode=1;sprop-parameter-sets=Z0LAHg==,aM4=,%,é"})
    [unit] = depacketized(header, [Packet(7, 0, 0, True, b"\x65picture", 0, None)])
    assert [nal[0] & 31 for nal in unit.data.split(b"\0\0\0\1")[1:]] == [7, 8, 5]


def test_every_opus_packet_is_a_unit_but_the_empty() -> None:
    sent = [Packet(7, n, n * 960, False, data, 0, None) for n, data in enumerate([b"\xf8a", b"", b"\xf8b"])]
    assert [unit.data for unit in depacketized(OPUS, sent)] == [b"\xf8a", b"\xf8b"]


random_packets = st.lists(
    st.builds(
        Packet,
        ssrc=st.integers(1, 2),
        sequence=st.integers(0, 50),
        timestamp=st.integers(0, 5),
        marker=st.booleans(),
        payload=st.binary(max_size=20),
        arrival_ns=st.just(0),
        level=st.none(),
    ),
    max_size=40,
)


@given(random_packets, st.sampled_from([VP8, H264, OPUS]))
def test_arbitrary_payloads_raise_nothing(sent: list[Packet], header: Header) -> None:
    depacketized(header, sent)


@given(st.data(), st.sampled_from(["VP8", "H264"]))
def test_damaged_payloads_raise_nothing(data: st.DataObject, codec: str) -> None:
    made = flat(packets(codec, RECORDED[codec], size=60))
    at = data.draw(st.integers(0, len(made) - 1))
    end = data.draw(st.integers(0, len(made[at].payload)))
    made[at] = made[at]._replace(payload=made[at].payload[:end] + data.draw(st.binary(max_size=4)))
    depacketized(VP8 if codec == "VP8" else H264, made)


RECORDED = {codec: frames(codec, 4) for codec in ("VP8", "H264")}
