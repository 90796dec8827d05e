"""SDP offers and the answers to them. Nothing of an offer may add a line to its answer."""

from mediaserver.base.errors import Invalid
from mediaserver.media.messages import Fingerprint, IceParameters
from mediaserver.rooms.negotiation.sdp import MAX_CHARACTERS, read_offer
from mediaserver.rooms.negotiation.sdp_answer import Accepted, Endpoint, SlotSource, accept, write_answer
from tests.fuzz.target import Target

ENDPOINT = Endpoint(
    ice=IceParameters(ufrag="srvU", pwd="serverpasswordserverpw12"),
    fingerprint=Fingerprint(algorithm="sha-256", value=":".join(["AB"] * 32)),
    addresses=["203.0.113.7"],
    port=40000,
)


def run(data: bytes) -> None:
    text = data.decode("utf-8", "surrogatepass" if b"\xed" in data else "replace")
    offer = read_offer(text)
    for section in offer.sections:
        for form in section.formats.values():
            assert len(form.parameters) <= len(form.fmtp) + 1
    for codec in ("VP8", "H264"):
        try:
            accepted = accept(offer, codec)  # type: ignore[arg-type]
        except Invalid:
            continue
        answered(accepted)


def answered(accepted: list[Accepted]) -> None:
    slots = {
        one.mid: SlotSource(1000 + nth, 2000 + nth if one.kind == "video" else None, "server")
        for nth, one in enumerate(accepted)
        if one.role == "slot"
    }
    answer = write_answer(accepted, slots, ENDPOINT, 1, 1)
    lines = answer.split("\r\n")
    assert "\r" not in "".join(lines) and "\n" not in "".join(lines) and "\0" not in answer
    assert all(len(line) >= 2 and line[1] == "=" for line in lines[:-1])
    assert len(answer) <= MAX_CHARACTERS * 4
    again = read_offer(answer)
    assert [section.mid for section in again.sections] == [one.mid for one in accepted]
    assert len(again.sections) == sum(line.startswith("m=") for line in lines)


TARGET = Target(
    "sdp",
    run,
    (Invalid, UnicodeDecodeError),
    ("mediaserver.rooms.negotiation.sdp", "mediaserver.rooms.negotiation.sdp_answer"),
    max_length=4096,
    words=(
        b"\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111", b"\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97", b"\r\na=mid:",
        b"\r\na=rtpmap:", b"\r\na=fmtp:", b"\r\na=rtcp-fb:* ", b"\r\na=extmap:", b"\r\na=rid:",
        b"\r\na=simulcast:send ", b"\r\na=ssrc:", b"\r\na=ssrc-group:FID ", b"\r\na=msid:",
        b"\r\na=fingerprint:sha-256 ", b"\r\na=setup:actpass", b"\r\na=ice-ufrag:", b"\r\na=ice-pwd:",
        b"\r\na=rtcp-mux", b"\r\na=sendonly", b"\r\na=recvonly", b"\r\na=group:BUNDLE ", b"apt=",
        b"H264/90000", b"VP8/90000", b"opus/48000/2", b"rtx/90000", b"\xc2\x85", b"\xe2\x80\xa8", b"\x0b",
        b"\x0c", b"\x1c",
    ),
)  # fmt: skip
