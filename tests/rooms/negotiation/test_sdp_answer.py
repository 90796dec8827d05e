"""Answers to captured offers: what is accepted, what is left out, and that a WebRTC stack takes them."""

from collections.abc import Callable

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from mediaserver.base.errors import Invalid
from mediaserver.rooms.negotiation.sdp import read_offer
from mediaserver.rooms.negotiation.sdp_answer import (
    Accepted,
    Endpoint,
    SlotSource,
    accept,
    transport_section,
    write_answer,
)

OfferText = Callable[[str], str]
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"


def slot_sources(accepted: list[Accepted]) -> dict[str, SlotSource]:
    slots = [a for a in accepted if a.role == "slot"]
    return {
        a.mid: SlotSource(1000 + n, 2000 + n if a.kind == "video" else None, "server")
        for n, a in enumerate(slots)
    }


def answer_to(text: str, endpoint: Endpoint, codec: str = "VP8") -> str:
    accepted = accept(read_offer(text), codec)  # type: ignore[arg-type]
    return write_answer(accepted, slot_sources(accepted), endpoint, 77, 1)


def sections(answer: str) -> list[list[str]]:
    return [("m=" + part).splitlines() for part in answer.split("\r\nm=")[1:]]


def test_chromium_camera_is_accepted_with_all_layers(offer_text: OfferText, endpoint: Endpoint) -> None:
    accepted = accept(read_offer(offer_text("chromium_slots")), "VP8")
    assert [a.role for a in accepted] == ["track", "track", "track", "slot", "slot", "slot", "slot", "inactive"]
    camera = accepted[1]
    assert camera.codec is not None
    assert (camera.codec.name, camera.codec.payload_type, camera.codec.rtx_payload_type) == ("VP8", 96, 97)
    assert camera.rids == ("f", "h", "q") and camera.ssrcs == ()
    assert camera.feedback == ("nack", "nack pli", "goog-remb", "transport-cc")
    assert {MID, TRANSPORT_CC} <= set(camera.extension_ids)
    assert not any(
        word in uri for uri in camera.extension_ids for word in ("orientation", "playout", "timing", "dependency")
    )
    lines = sections(answer_to(offer_text("chromium_slots"), endpoint))[1]
    assert "a=recvonly" in lines and "a=rid:h recv" in lines and "a=simulcast:recv f;h;q" in lines
    assert lines[0] == "m=video 40000 UDP/TLS/RTP/SAVPF 96 97"


def test_without_simulcast_the_told_ssrcs_are_used(offer_text: OfferText) -> None:
    text = offer_text("chromium_slots")
    screen, offered = accept(read_offer(text), "VP8")[2], read_offer(text).sections[2]
    primary, rtx = offered.ssrc_groups[0][1]
    assert screen.ssrcs == (primary,)
    assert screen.rtx_ssrcs == {rtx: primary}


def test_slots_tell_their_ssrcs_and_pair_up(offer_text: OfferText, endpoint: Endpoint) -> None:
    parts = sections(answer_to(offer_text("chromium_slots"), endpoint))
    audio, video, audio2, video2 = parts[3:7]
    assert "a=sendonly" in audio and "a=msid:pair-1 slot-3" in audio
    assert "a=msid:pair-1 slot-4" in video and "a=ssrc-group:FID 1001 2001" in video
    assert "a=ssrc:1001 cname:server" in video and "a=ssrc:2001 cname:server" in video
    assert "a=msid:pair-2 slot-5" in audio2 and "a=msid:pair-2 slot-6" in video2
    assert not any(TRANSPORT_CC in line or "transport-cc" in line for line in video)


def test_every_answer_is_ice_lite_passive_bundled_and_complete(offer_text: OfferText, endpoint: Endpoint) -> None:
    answer = answer_to(offer_text("firefox_slots"), endpoint)
    assert "a=ice-lite\r\n" in answer and "a=group:BUNDLE 0 1 2 3 4 5 6 7\r\n" in answer
    first, *others = sections(answer)
    assert "a=candidate:1 1 udp 2130706175 203.0.113.7 40000 typ host" in first
    assert "a=candidate:2 1 udp 2130705919 2001:db8::7 40000 typ host" in first
    assert "a=end-of-candidates" in first
    assert all("a=setup:passive" in part and "a=rtcp-mux" in part for part in [first, *others])
    assert "a=inactive" in others[-1]


def test_an_extension_that_firefox_only_sends_is_answered_recvonly(
    offer_text: OfferText, endpoint: Endpoint
) -> None:
    camera = sections(answer_to(offer_text("firefox_slots"), endpoint))[1]
    assert "a=extmap:9/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id" in camera
    assert not any("csrc-audio-level" in line for line in camera)


def test_h264_prefers_constrained_baseline_with_packetization_mode_1(offer_text: OfferText) -> None:
    camera = accept(read_offer(offer_text("chromium_slots")), "H264")[1]
    assert camera.codec is not None
    assert (camera.codec.payload_type, camera.codec.rtx_payload_type) == (108, 109)
    assert "42e01f" in camera.fmtp


def test_a_track_without_the_rooms_codec_is_refused_but_a_slot_only_stays_silent(
    offer_text: OfferText, endpoint: Endpoint
) -> None:
    with pytest.raises(Invalid) as caught:
        accept(read_offer(offer_text("firefox_slots")), "H264")
    assert (caught.value.code, caught.value.detail) == ("codec_unsupported", "m-line 1 does not offer H264")
    only_slots = "\r\nm=".join(
        part for n, part in enumerate(offer_text("firefox_slots").split("\r\nm=")) if n in (0, 1, 5)
    )
    accepted = accept(read_offer(only_slots), "H264")
    assert [a.role for a in accepted] == ["track", "inactive"]


@pytest.mark.parametrize("name", ["chromium_data", "firefox_data"])
def test_data_channels_are_refused_politely(name: str, offer_text: OfferText, endpoint: Endpoint) -> None:
    text = offer_text(name).replace("a=sendrecv\r\n", "a=sendonly\r\n")
    parts = sections(answer_to(text, endpoint))
    assert parts[1][0] == "m=application 0 UDP/DTLS/SCTP webrtc-datachannel"
    assert "a=group:BUNDLE 0\r\n" in answer_to(text, endpoint)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("a=sendonly", "a=sendrecv", "m-line 0 is sendrecv"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0", "m-line 1 is not in the BUNDLE group"),
        ("a=rtcp-mux", "a=no-mux", "m-line 0 has no a=rtcp-mux"),
    ],
)
def test_offers_that_we_cannot_serve_say_why(old: str, new: str, says: str, offer_text: OfferText) -> None:
    with pytest.raises(Invalid, match=says):
        accept(read_offer(offer_text("chromium_simple").replace(old, new)), "VP8")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("a=setup:actpass", "a=setup:passive", "must offer a=setup:actpass"),
        ("a=ice-ufrag:", "a=x-ufrag:", "m-line 0 has no ICE credentials"),
        ("a=fingerprint:", "a=x:", "m-line 0 has no DTLS fingerprint"),
        ("a=group:BUNDLE", "a=group:LS", "no a=group:BUNDLE"),
    ],
)
def test_a_transport_that_we_cannot_open_says_why(old: str, new: str, says: str, offer_text: OfferText) -> None:
    with pytest.raises(Invalid, match=says):
        transport_section(read_offer(offer_text("chromium_simple").replace(old, new)))


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_aiortc_takes_the_answer(codec: str, endpoint: Endpoint) -> None:
    client = RTCPeerConnection()
    client.addTransceiver("audio", direction="sendonly")
    client.addTransceiver("video", direction="sendonly")
    client.addTransceiver("audio", direction="recvonly")
    client.addTransceiver("video", direction="recvonly")
    await client.setLocalDescription(await client.createOffer())
    answer = answer_to(client.localDescription.sdp, endpoint, codec)
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    assert [t.currentDirection for t in client.getTransceivers()] == ["sendonly"] * 2 + ["recvonly"] * 2
    await client.close()
