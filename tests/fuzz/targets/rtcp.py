"""RTCP datagrams: bounded results, and what is built from them reads the same."""

from mediaserver.media.core.packets import rtcp
from tests.fuzz.target import Target


def run(data: bytes) -> None:
    packets = rtcp.parse(data)
    assert len(packets) <= rtcp.MAX_PACKETS
    assert sum(len(one.sequences) for one in packets if isinstance(one, rtcp.Nack)) <= rtcp.MAX_NACKED
    assert rtcp.parse(bytearray(data) + b"beyond", len(data)) == packets
    for packet in packets:
        rebuilt(packet)


def rebuilt(packet: rtcp.Packet) -> None:
    match packet:
        case rtcp.SenderReport():
            assert rtcp.parse(rtcp.build_sr(*packet)) == [packet]
        case rtcp.ReceiverReport():
            assert rtcp.parse(rtcp.build_rr(*packet)) == [packet]
        case rtcp.Bye():
            assert rtcp.parse(rtcp.build_bye(packet.ssrcs)) == [packet]
        case rtcp.Nack(sender, media, sequences):
            (again,) = rtcp.parse(rtcp.build_nack(sender, media, sequences))
            assert isinstance(again, rtcp.Nack) and set(again.sequences) == set(sequences)
        case rtcp.Pli():
            assert rtcp.parse(rtcp.build_pli(*packet)) == [packet]
        case rtcp.Remb(sender, rate, ssrcs):
            assert 0 <= rate < 1 << 81
            (remb,) = rtcp.parse(rtcp.build_remb(sender, rate, ssrcs))
            assert isinstance(remb, rtcp.Remb) and remb.bitrate_bps == rate


TARGET = Target(
    "rtcp", run, (rtcp.Malformed,), ("mediaserver.media.core.packets.rtcp",), max_length=1500, cpu_s=0.02
)
