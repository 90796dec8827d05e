from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.packets import rtcp

PACKETS = Path(__file__).parent / "captured"
BLOCK = rtcp.ReportBlock(0x22, 64, -5, 0x1FFFF, 300, 0x12345678, 0x8000)
BLOCK_HEX = "0000002240fffffb0001ffff0000012c1234567800008000"


def test_sender_report() -> None:
    data = rtcp.build_sr(0x11, 0x0102030405060708, 90_000, 7, 700, [BLOCK])
    assert data.hex() == "81c8000c00000011010203040506070800015f9000000007000002bc" + BLOCK_HEX
    assert rtcp.parse(data) == [rtcp.SenderReport(0x11, 0x0102030405060708, 90_000, 7, 700, (BLOCK,))]


def test_receiver_report() -> None:
    data = rtcp.build_rr(0x11, [BLOCK])
    assert data.hex() == "81c9000700000011" + BLOCK_HEX
    assert rtcp.parse(data) == [rtcp.ReceiverReport(0x11, (BLOCK,))]


def test_receiver_report_with_a_profile_extension() -> None:
    data = bytes.fromhex("81c9000900000011" + BLOCK_HEX + "cafebabecafebabe")
    assert rtcp.parse(data) == [rtcp.ReceiverReport(0x11, (BLOCK,))]


def test_counters_beyond_their_fields_are_cut() -> None:
    extreme = rtcp.ReportBlock(1, 255, 1 << 30, (5 << 32) + 7, 1 << 40, 0, 1 << 40)
    [report] = rtcp.parse(rtcp.build_rr(0x11, [extreme]))
    assert isinstance(report, rtcp.ReceiverReport)
    assert report.reports == (rtcp.ReportBlock(1, 255, 0x7FFFFF, 7, 0xFFFFFFFF, 0, 0xFFFFFFFF),)


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "abcd", "é" * 100])
def test_source_description(name: str) -> None:
    data = rtcp.build_sdes(0x11, name)
    assert len(data) % 4 == 0
    assert rtcp.parse(data) == [rtcp.SourceDescription(((0x11, name.encode()),))]


def test_a_source_description_of_many_chunks() -> None:
    data = bytes.fromhex("83ca00080000000101026162020178000000000200000000")
    data += bytes.fromhex("000000030103616263000000")
    assert rtcp.parse(data) == [rtcp.SourceDescription(((1, b"ab"), (3, b"abc")))]


def test_bye() -> None:
    assert rtcp.build_bye([1, 2]).hex() == "82cb00020000000100000002"
    assert rtcp.parse(rtcp.build_bye([1, 2])) == [rtcp.Bye((1, 2))]
    with_reason = bytes.fromhex("81cb00030000000105676f6e65210000")
    assert rtcp.parse(with_reason) == [rtcp.Bye((1,))]


def test_nack() -> None:
    data = rtcp.build_nack(1, 2, [65534, 65535, 0, 14, 15, 15, 400])
    assert data.hex() == "81cd00050000000100000002fffe8003000f000001900000"
    assert rtcp.parse(data) == [rtcp.Nack(1, 2, (65534, 65535, 0, 14, 15, 400))]


def test_transport_feedback_is_not_a_nack() -> None:
    data = bytes.fromhex("8fcd00050000000100000002000100020000030020021014")
    assert rtcp.parse(data) == [rtcp.TransportFeedback(1, 2, data[12:])]


def test_transport_feedback_is_padded_to_whole_words() -> None:
    data = rtcp.build_transport_feedback(1, 2, bytes.fromhex("0001000100000300200110"))
    assert data.hex() == "afcd00050000000100000002000100010000030020011001"
    assert rtcp.parse(data) == [rtcp.TransportFeedback(1, 2, data[12:-1])]


def test_picture_loss_and_full_intra_request() -> None:
    assert rtcp.build_pli(1, 2).hex() == "81ce00020000000100000002"
    assert rtcp.build_fir(1, 2, 257).hex() == "84ce000400000001000000000000000201000000"
    data = rtcp.build_pli(1, 2) + rtcp.build_fir(1, 2, 257)
    assert rtcp.parse(data) == [rtcp.Pli(1, 2), rtcp.Fir(1, ((2, 1),))]


def test_remb() -> None:
    data = rtcp.build_remb(1, 2_500_000, [7, 8])
    assert data.hex() == "8fce0006000000010000000052454d420212625a0000000700000008"
    [remb] = rtcp.parse(data)
    assert isinstance(remb, rtcp.Remb)
    assert remb.ssrcs == (7, 8)
    assert 2_499_980 < remb.bitrate_bps <= 2_500_000


def test_other_application_feedback_and_unknown_types_are_skipped() -> None:
    other = bytes.fromhex("8fce0003000000010000000041424344")
    app = bytes.fromhex("80cc00020000000141424344")
    xr = bytes.fromhex("80cf000100000001")
    tmmbr = bytes.fromhex("83cd000400000001000000000000000200000000")
    assert rtcp.parse(other + app + xr + tmmbr + rtcp.build_pli(1, 2)) == [rtcp.Pli(1, 2)]


def test_only_the_given_length_is_read() -> None:
    assert rtcp.parse(memoryview(rtcp.build_pli(1, 2) + b"garbage"), 12) == [rtcp.Pli(1, 2)]


@pytest.mark.parametrize(
    "text",
    [
        "81",  # no header
        "41ce0002" "0000000100000002",  # version 1
        "81ce0003" "0000000100000002",  # longer than the datagram
        "81ce0001" "00000001",  # PLI without media SSRC
        "81c90001" "00000011",  # a block is missing
        "80c80001" "00000011",  # SR without its sender's numbers
        "a1ce0002" "0000000100000000",  # padding of 0
        "a1ce0002" "00000001000000ff",  # more padding than packet
        "81ca0002" "00000001" "01ff6162",  # item beyond the packet
        "81ca0001" "00000001" "82cb0001" "00000001",  # second SSRC missing
        "81cd0003" "0000000100000002" "00",  # NACK cut
        "8fce0004" "0000000100000000" "52454d42" "05000001",  # five SSRCs missing
        "84ce0003" "0000000100000000" "00000002",  # half a request
    ],
)  # fmt: skip
def test_malformed_packets_are_refused(text: str) -> None:
    with pytest.raises(rtcp.Malformed):
        rtcp.parse(bytes.fromhex(text))


@pytest.mark.parametrize("path", sorted(PACKETS.glob("rtcp_*.bin")), ids=lambda path: path.stem)
def test_packets_from_files(path: Path) -> None:
    if path.stem.endswith("_truncated"):
        with pytest.raises(rtcp.Malformed):
            rtcp.parse(path.read_bytes())
    else:
        assert rtcp.parse(path.read_bytes())


VALID = [
    rtcp.build_sr(1, 2, 3, 4, 5, [BLOCK]),
    rtcp.build_rr(1, [BLOCK, BLOCK]),
    rtcp.build_sdes(1, "name"),
    rtcp.build_bye([1]),
    rtcp.build_nack(1, 2, [1, 5, 100]),
    rtcp.build_transport_feedback(1, 2, bytes(11)),
    rtcp.build_pli(1, 2),
    rtcp.build_fir(1, 2, 3),
    rtcp.build_remb(1, 10**6, [2]),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(VALID), min_size=1, max_size=3))))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


@given(st.one_of(damaged(), st.binary(max_size=64)))
def test_any_bytes_are_read_or_malformed(data: bytes) -> None:
    try:
        packets = rtcp.parse(data)
    except rtcp.Malformed:
        return
    assert len(packets) <= len(data) // 4


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=60))
def test_every_sequence_asked_for_arrives(sequences: list[int]) -> None:
    [nack] = rtcp.parse(rtcp.build_nack(1, 2, sequences))
    assert isinstance(nack, rtcp.Nack)
    assert set(nack.sequences) == set(sequences)


@given(st.integers(0, (1 << 64) - 1))
def test_a_remb_is_close_and_never_more(bitrate_bps: int) -> None:
    [remb] = rtcp.parse(rtcp.build_remb(1, bitrate_bps, []))
    assert isinstance(remb, rtcp.Remb)
    assert bitrate_bps * (1 - 2**-17) <= remb.bitrate_bps <= bitrate_bps


def test_repeated_nack_items_name_each_number_once() -> None:
    header, item = rtcp.build_nack(1, 2, [])[4:12], bytes.fromhex("fff0ffff")
    data = bytes.fromhex("81cd0156") + header + item * 340
    (nack,) = rtcp.parse(data)
    assert isinstance(nack, rtcp.Nack)
    assert nack.sequences == tuple(number & 0xFFFF for number in range(0xFFF0, 0x10001))


def test_a_datagram_may_name_as_many_losses_as_a_browser_remembers() -> None:
    most = list(range(rtcp.MAX_NACKED))
    (nack,) = rtcp.parse(rtcp.build_nack(1, 2, most))
    assert isinstance(nack, rtcp.Nack)
    assert list(nack.sequences) == most
    with pytest.raises(rtcp.Excessive):
        rtcp.parse(rtcp.build_nack(1, 2, range(rtcp.MAX_NACKED + 1)))
    with pytest.raises(rtcp.Excessive):
        rtcp.parse(rtcp.build_nack(1, 2, most) + rtcp.build_nack(1, 3, [1]))


def test_a_datagram_holds_at_most_32_packets() -> None:
    assert len(rtcp.parse(rtcp.build_pli(1, 2) * rtcp.MAX_PACKETS)) == rtcp.MAX_PACKETS
    with pytest.raises(rtcp.Excessive):
        rtcp.parse(rtcp.build_pli(1, 2) * (rtcp.MAX_PACKETS + 1))
