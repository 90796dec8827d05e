import av
import numpy as np
import pytest

from mediaserver.loadtest.run import Report
from mediaserver.loadtest.sdp import Section, make_offer, read_answer
from mediaserver.loadtest.source import OpusClip, RtpStream, SendTimes, SyntheticVideo, Vp8Clip, age_s, stamp
from mediaserver.media.core.packets import rtp


def test_synthetic_frames_are_8_packets_of_1100_bytes_over_40_percent_of_the_frame_time() -> None:
    stream = RtpStream(SyntheticVideo(fps=30), ssrc=7, payload_type=96)
    packets = list(stream.next_frame())
    assert [len(packet) for _, packet in packets] == [1100] * 8
    assert packets[-1][0] == pytest.approx(0.4 / 30 * 7 / 8)
    headers = [rtp.parse(memoryview(packet), len(packet)) for _, packet in packets]
    assert [header.marker for header in headers if header] == [False] * 7 + [True]
    later = [rtp.parse(memoryview(packet), len(packet)) for _, packet in stream.next_frame()]
    assert later[0] and headers[0] and later[0].timestamp - headers[0].timestamp == 3000
    assert later[0].sequence == headers[0].sequence + 8


def test_a_stamped_packet_knows_its_age() -> None:
    packet = bytearray(100)
    stamp(packet)
    assert 0 <= age_s(bytes(packet)) < 1


def test_the_clip_is_a_real_picture_and_begins_again_with_a_keyframe() -> None:
    clip = Vp8Clip(hue=1, frames=10)
    decoder = av.CodecContext.create("vp8", "r")
    pictures = []
    for number in range(15):
        frame = clip.frame(keyframe=number == 7)
        data = b"".join(packet.payload[4:] for packet in frame)
        assert (data[0] & 1 == 0) == (number in (0, 7)), "keyframes where asked for"
        pictures += [picture.to_ndarray(format="rgb24") for picture in decoder.decode(av.Packet(data))]
    assert len(pictures) == 15
    assert np.argmax(pictures[9][:, :4].mean((0, 1))) == 1, "green, as its hue says"


def test_the_tone_is_a_real_tone() -> None:
    clip, decoder = OpusClip(500.0), av.CodecContext.create("opus", "r")
    decoder.sample_rate, decoder.layout = 48000, "mono"
    sound = np.concatenate(
        [
            frame.to_ndarray().mean(axis=0)
            for _ in range(50)
            for frame in decoder.decode(av.Packet(clip.frame(False)[0].payload))
        ]
    )
    spectrum = np.abs(np.fft.rfft(sound[-24000:]))
    assert abs(np.argmax(spectrum) * 2 - 500) <= 4


def test_an_answer_is_read() -> None:
    offer = make_offer([Section("video", "v0")], "uf", "pw", ("sha-256", "AA:BB"))
    assert "a=recvonly" in offer and "a=mid:v0" in offer
    answer = read_answer(
        "v=0\r\na=ice-lite\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v0\r\n"
        "a=ice-ufrag:abcd\r\na=ice-pwd:efgh\r\n"
        "a=fingerprint:sha-256 11:22\r\na=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host\r\n"
        "a=ssrc:77 cname:x\r\n"
    )
    assert (answer.ufrag, answer.address, answer.slots) == ("abcd", ("127.0.0.1", 40000), {"v0": 77})
    with pytest.raises(ValueError, match="fingerprint"):
        read_answer("v=0\r\n")


def test_send_times_know_a_picture_by_its_data_and_not_by_its_picture_id() -> None:
    times, stream = SendTimes(), RtpStream(Vp8Clip(frames=2), ssrc=7, payload_type=96)
    sent = [packet for _, packet in stream.next_frame()]
    for packet in sent:
        times.note(packet)
    forwarded = bytearray(sent[0])
    forwarded[14:16] = b"\x80\x63"  # another picture id
    age = times.age_s(bytes(forwarded))
    assert age is not None and 0 <= age < 1
    assert times.age_s(bytes(forwarded[:-1])) is None, "a packet that nobody sent"
    assert times.age_s(bytes(sent[0][:12])) is None, "a packet without a picture"


def test_a_report_without_packets_says_that_nothing_was_measured() -> None:
    report = Report(1.0, 10, 0, 0, 1, None, None)
    assert not report.is_good
    assert "latency_p50_ms: not measured" in report.lines()
