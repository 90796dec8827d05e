"""Offers: the largest that browsers make, and those that are made to take long."""

from pathlib import Path

_CAPTURED = Path(__file__).parent.parent / "rooms" / "offers"
HEAD = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
    "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n"
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"
)
KINDS = " ".join(map(str, range(128)))


def largest_honest_offer(browser: str) -> str:
    """A browser's offer of 4 tracks, 50 video slots and 20 audio slots, made of its captured sections."""
    text = (_CAPTURED / f"{browser}_slots.sdp").read_bytes().decode()
    session, *sections = text.split("\r\nm=")
    slots = {
        kind: next(s for s in sections if s.startswith(kind) and "a=recvonly" in s) for kind in ("audio", "video")
    }
    sent = [section for section in sections if "a=sendonly" in section]
    chosen = [*sent, *[slots["video"]] * 50, *[slots["audio"]] * 20]
    numbered = []
    for mid, section in enumerate(chosen):
        lines = [f"a=mid:{mid}" if line.startswith("a=mid:") else line for line in section.split("\r\n")]
        numbered.append("m=" + "\r\n".join(line for line in lines if line))
    head = [line for line in session.split("\r\n") if not line.startswith("a=group:")]
    group = "a=group:BUNDLE " + " ".join(map(str, range(len(chosen))))
    return "\r\n".join([*head, group, *numbered]) + "\r\n"


def sections(count: int, body: str, m_line: str = f"m=video 9 UDP/TLS/RTP/SAVPF {KINDS}") -> str:
    """An offer of `count` equal receive slots."""
    group = "a=group:BUNDLE " + " ".join(map(str, range(count))) + "\r\n"
    parts = (f"{m_line}\r\na=mid:{n}\r\na=rtcp-mux\r\na=recvonly\r\n{body}" for n in range(count))
    return HEAD + group + "".join(parts)


def sending(count: int, body: str) -> str:
    return sections(count, body).replace("a=recvonly", "a=sendonly")


VP8 = "a=rtpmap:96 VP8/90000\r\n"
HOSTILE = {
    "wildcards": sections(100, VP8 + "a=rtcp-fb:* x\r\n" * 128),
    "wildcards for one section": sections(1, VP8 + "a=rtcp-fb:* nack\r\n" * 20_000),
    "empty lines": HEAD + "\r\n" * 150_000,
    "unknown attributes": sections(90, "a=x\r\n" * 700),
    "formats": sections(100, "".join(f"a=rtpmap:{n} rtx/9\r\n" for n in range(128))),
    "formats with parameters": sections(
        24, "".join(f"a=rtpmap:{n} rtx/9\r\na=fmtp:{n} {';' * 90}\r\n" for n in range(128)) + VP8
    ),
    "H264 with parameters": sections(
        40, "".join(f"a=rtpmap:{n} H264/9\r\na=fmtp:{n} {'a;' * 20}\r\n" for n in range(128))
    ),
    "long parameters": sections(1, VP8 + ("a=fmtp:96 " + "a;" * 1000 + "\r\n") * 180),
    "extensions": sections(75, VP8 + "".join(f"a=extmap:{n + 1} urn:x\r\n" for n in range(128))),
    "session extensions": HEAD + "".join(f"a=extmap:{n + 1} u\r\n" for n in range(128)) + sections(100, VP8),
    "rids": sending(75, VP8 + "a=rid:a send\r\n" * 128 + "a=simulcast:send " + "b;" * 127 + "b\r\n"),
    "streams": sending(75, VP8 + "".join(f"a=ssrc:{n} cname:x\r\n" for n in range(128))),
    "groups of streams": sending(
        75, VP8 + "".join(f"a=ssrc:{n} c\r\na=ssrc-group:FID {n} {n + 1}\r\n" for n in range(60))
    ),
    "long groups": sections(100, VP8 + "a=ssrc-group:FID" + " 1" * 1000 + "\r\n"),
    "alternatives": sections(100, VP8 + "a=simulcast:send " + "a,~" * 600 + "\r\n"),
    "fingerprints": sections(100, VP8 + ("a=fingerprint:sha-256 " + ":".join(["AB"] * 64) + "\r\n") * 18),
    "one long line": HEAD + "a=" + "x" * 390_000,
    "m-lines": HEAD + "m=video 9 x 1\r\n" * 26_000,
    "a long m-line": HEAD + "m=video 9 x" + " 1" * 190_000,
    "bundle": HEAD + "a=group:BUNDLE" + " 0" * 190_000 + "\r\n" + sections(1, VP8),
    "carriage returns": HEAD + "\r" * 390_000,
    "Unicode line ends": HEAD + "\u2028\x85" * 190_000,
    "digits": sections(1, "a=ssrc:" + "9" * 2000 + " x\r\n"),
    "combining marks": sections(100, "a=mid:a" + "\u0301\u0316" * 900 + "\r\n"),
}
"""Each within the size that signalling takes, and just below limits where it has them."""
