"""The offers that bots make and what they need of the answers: a small part of SDP (RFC 8866, RFC 9429)."""

import re
from dataclasses import dataclass

OPUS, VP8, VP8_RTX = 111, 96, 97


@dataclass(frozen=True, slots=True)
class Section:
    """One m-line: `kind` is audio or video, `ssrc` is given where the bot sends."""

    kind: str
    mid: str
    ssrc: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    ufrag: str
    pwd: str
    fingerprint: tuple[str, str]
    address: tuple[str, int]
    slots: dict[str, int]
    """Receive slot (mid) to its SSRC."""


def make_offer(sections: list[Section], ufrag: str, pwd: str, fingerprint: tuple[str, str]) -> str:
    lines = [
        "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0",
        "a=group:BUNDLE " + " ".join(section.mid for section in sections),
        "a=msid-semantic: WMS *",
    ]  # fmt: skip
    for section in sections:
        formats = str(OPUS) if section.kind == "audio" else f"{VP8} {VP8_RTX}"
        lines += [
            f"m={section.kind} 9 UDP/TLS/RTP/SAVPF {formats}",
            "c=IN IP4 0.0.0.0",
            "a=rtcp-mux",
            "a=rtcp-rsize",
            f"a=mid:{section.mid}",
            f"a=ice-ufrag:{ufrag}",
            f"a=ice-pwd:{pwd}",
            f"a=fingerprint:{fingerprint[0]} {fingerprint[1]}",
            "a=setup:actpass",
            "a=recvonly" if section.ssrc is None else "a=sendonly",
            "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        ]
        if section.kind == "audio":
            lines += [f"a=rtpmap:{OPUS} opus/48000/2", f"a=fmtp:{OPUS} minptime=10;useinbandfec=1"]
        else:
            lines += [
                f"a=rtpmap:{VP8} VP8/90000",
                *(f"a=rtcp-fb:{VP8} {feedback}" for feedback in ("nack", "nack pli", "ccm fir", "goog-remb")),
                f"a=rtpmap:{VP8_RTX} rtx/90000",
                f"a=fmtp:{VP8_RTX} apt={VP8}",
            ]
        if section.ssrc is not None:
            lines += [f"a=msid:bot {section.mid}", f"a=ssrc:{section.ssrc} cname:bot"]
    return "\r\n".join(lines) + "\r\n"


def read_answer(sdp: str) -> Answer:
    """Raises ValueError when something that a bot needs is missing."""
    session, *media = re.split(r"(?m)^(?=m=)", sdp)
    whole = session + "".join(media)

    def first(pattern: str) -> re.Match[str]:
        found = re.search(pattern, whole, re.MULTILINE)
        if not found:
            raise ValueError(f"the answer has nothing like {pattern}")
        return found

    fingerprint = first(r"^a=fingerprint:(\S+) (\S+)")
    candidate = first(r"^a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ host")
    slots = {}
    for section in media:
        mid, ssrc = re.search(r"(?m)^a=mid:(\S+)", section), re.search(r"(?m)^a=ssrc:(\d+)", section)
        if mid and ssrc:
            slots[mid[1]] = int(ssrc[1])
    return Answer(
        ufrag=first(r"^a=ice-ufrag:(\S+)")[1],
        pwd=first(r"^a=ice-pwd:(\S+)")[1],
        fingerprint=(fingerprint[1], fingerprint[2]),
        address=(candidate[1], int(candidate[2])),
        slots=slots,
    )
