"""The offer reader: what browsers really send, and what nobody should."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.base.errors import Invalid
from mediaserver.rooms.negotiation.sdp import MAX_CHARACTERS, read_offer
from tests.rooms.conftest import OFFERS

OfferText = Callable[[str], str]
NAMES = sorted(path.stem for path in OFFERS.glob("*.sdp"))


@pytest.mark.parametrize("name", NAMES)
def test_captured_offers_are_read(name: str, offer_text: OfferText) -> None:
    offer = read_offer(offer_text(name))
    assert offer.bundle == [section.mid for section in offer.sections]
    for section in offer.sections:
        assert section.setup == "actpass"
        assert section.ice_ufrag and len(section.ice_pwd) >= 22
        assert any(algorithm == "sha-256" for algorithm, _ in section.fingerprints)


def test_chromium_camera_with_simulcast(offer_text: OfferText) -> None:
    microphone, camera, screen, slot, *_ = read_offer(offer_text("chromium_slots")).sections
    assert [microphone.direction, camera.direction, screen.direction, slot.direction] == [
        "sendonly", "sendonly", "sendonly", "recvonly",
    ]  # fmt: skip
    assert camera.simulcast_send == ["f", "h", "q"]
    assert [(rid.id, rid.direction) for rid in camera.rids] == [("f", "send"), ("h", "send"), ("q", "send")]
    vp8 = camera.formats[96]
    assert (vp8.name, vp8.clock_rate) == ("VP8", 90000)
    assert camera.feedback_of(96) == ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"]
    assert camera.formats[97].parameters == {"apt": "96"}
    assert camera.rtcp_mux and camera.rtcp_rsize
    assert microphone.formats[111].channels == 2
    assert microphone.formats[111].parameters == {"minptime": "10", "useinbandfec": "1"}
    assert len(screen.ssrcs) == 2
    assert screen.ssrc_groups == [("FID", list(screen.ssrcs))]


def test_firefox_keeps_extension_directions_and_the_session_fingerprint(offer_text: OfferText) -> None:
    microphone, camera, *_ = read_offer(offer_text("firefox_slots")).sections
    assert ("urn:ietf:params:rtp-hdrext:csrc-audio-level", "recvonly") in [
        (extension.uri, extension.direction) for extension in microphone.extensions
    ]
    assert camera.bundle_only and not camera.rejected
    assert camera.simulcast_send == ["f", "h", "q"]
    assert camera.fingerprints == microphone.fingerprints != []


MINIMAL = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n"
)


@pytest.mark.parametrize("value", ["a\0b", "a\rb"])
def test_characters_that_no_value_holds_are_refused(value: str) -> None:
    with pytest.raises(Invalid, match="NUL or a carriage return"):
        read_offer(MINIMAL + f"a=fmtp:111 {value}\r\n")


def test_the_minimum_is_enough() -> None:
    assert read_offer(MINIMAL).sections[0].formats[111].name == "opus"
    assert read_offer(MINIMAL.replace("\r\n", "\n")).bundle == ["0"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a=rtpmap:111 opus", "line 9: a=rtpmap needs"),
        ("a=rtpmap:111 opus/x", "line 9: 'x' is not a number"),
        ("a=rtpmap:999 opus/48000", "line 9: '999' is not a number up to 127"),
        ("a=rtpmap:١ opus/48000", "line 9"),
        ("a=extmap:0 urn:x", "line 9: 0 is not an extension id"),
        ("a=extmap:1/up urn:x", "line 9: 'up' is not a direction"),
        ("a=extmap:1", "line 9: a=extmap needs"),
        ("a=rid:f", "line 9: a=rid needs"),
        ("a=rid:../f send", "line 9: '../f' is not a rid"),
        ("a=simulcast:send", "line 9: a=simulcast needs"),
        ("a=ssrc:4294967296 cname:x", "line 9: '4294967296' is not a number"),
        ("a=ssrc-group:FID 1 x", "line 9: 'x' is not a number"),
        ("a=ice-ufrag:abc", "line 9: 'abc' is not an ICE username fragment"),
        ("a=ice-pwd:short", "line 9: 'short' is not an ICE password"),
        ("a=fingerprint:sha-256 zz", "line 9: 'zz' is not a fingerprint"),
        ("a=setup:me", "line 9: 'me' is not a DTLS role"),
        ("a=mid:" + "x" * 33, "is not a mid"),
        ("a=x:" + "y" * 5000, "line 9: longer than 2048 characters"),
        ("nonsense", "line 9: not of the form"),
        ("m=video", "line 9: an m-line needs"),
        ("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0", "a=mid:0 twice"),
        ("m=video 9 UDP/TLS/RTP/SAVPF 96", "an m-line (video) has no a=mid"),
        ("m=video 9 UDP/TLS/RTP/SAVPF " + " ".join(["96"] * 200), "line 9: an m-line needs"),
    ],
)
def test_a_wrong_line_is_named(line: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_offer(f"{MINIMAL}{line}\r\n")
    assert caught.value.code == "bad_sdp"
    assert says in caught.value.detail


def test_sizes_are_bounded() -> None:
    with pytest.raises(Invalid, match="longer than 393216"):
        read_offer("v=0\r\n" * (MAX_CHARACTERS // 5 + 1))
    sections = "".join(f"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{n}\r\n" for n in range(101))
    with pytest.raises(Invalid, match="more than 100 m-lines"):
        read_offer(sections)
    ssrcs = "".join(f"a=ssrc:{n} cname:x\r\n" for n in range(61))
    with pytest.raises(Invalid, match="line 69: more than 60"):
        read_offer(MINIMAL + ssrcs)


@pytest.mark.parametrize("rid", ["r_0", "low-res", "_", "-", "0", "h", "A_b-9", "x" * 255])
def test_every_rid_that_rfc_8851_allows_is_read(rid: str) -> None:
    video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n"
    simulcast = f"a=rid:{rid} send\r\na=rid:other send\r\na=simulcast:send ~{rid},alternative;other\r\n"
    camera = read_offer(MINIMAL.replace("BUNDLE 0", "BUNDLE 0 1") + video + simulcast).sections[1]
    assert [one.id for one in camera.rids] == [rid, "other"]
    assert camera.simulcast_send == [rid, "other"]


@pytest.mark.parametrize("rid", ["", "r.0", "r 0", "r;0", "r,0", "~r", "ŕ", "r/0", "x" * 256])
def test_a_rid_with_other_characters_is_refused(rid: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_offer(f"{MINIMAL}a=rid:{rid} send\r\n")
    assert "line 9" in caught.value.detail


_NAMES = st.sampled_from(
    ["rtpmap", "fmtp", "rtcp-fb", "extmap", "rid", "simulcast", "ssrc", "ssrc-group", "msid", "mid", "ice-ufrag",
     "ice-pwd", "fingerprint", "setup", "group", "sendonly", "rtcp-mux", "unknown"]
)  # fmt: skip
_VALUES = st.one_of(
    st.text(max_size=40),
    st.text("0123456789 /;,=:~-abcdef*", max_size=40),
    st.lists(
        st.sampled_from(["111", "opus/48000/2", "send", "recv", "f;h", "FID", "*", "", "nack", "/", "sha-256"])
    ).map(" ".join),
)
_LINES = st.one_of(
    st.builds(lambda name, value: f"a={name}:{value}", _NAMES, _VALUES),
    st.builds(lambda value: f"m={value}", _VALUES),
    st.text(max_size=60),
)


@given(st.lists(_LINES, max_size=12))
def test_hostile_lines_are_refused_or_ignored(lines: list[str]) -> None:
    try:
        read_offer(MINIMAL + "\r\n".join(lines))
    except Invalid as problem:
        assert problem.code == "bad_sdp"


@given(st.data())
def test_damaged_real_offers_are_refused_or_read(data: st.DataObject) -> None:
    text = (OFFERS / "firefox_slots.sdp").read_bytes().decode()
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 40))
    damaged = text[:at] + data.draw(st.text(max_size=8)) + text[at + cut :]
    try:
        read_offer(damaged)
    except Invalid as problem:
        assert problem.code == "bad_sdp"
