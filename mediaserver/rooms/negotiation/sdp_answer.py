"""Answers an offer: what each m-section becomes (pure), and the answer's text (ICE-lite, DTLS passive, BUNDLE).

A section becomes a track that we receive, a slot that we send into, stays inactive, or is refused with port 0;
each active one has exactly one codec, numbered as the offer numbers it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mediaserver.base.errors import Invalid
from mediaserver.media.messages import Codec, Fingerprint, IceParameters, Kind
from mediaserver.rooms.negotiation.sdp import Extension, Format, Offer, Section, bad_sdp

VideoCodec = Literal["VP8", "H264"]
Role = Literal["track", "slot", "inactive", "refused"]
MAX_SLOTS: dict[Kind, int] = {"video": 50, "audio": 20}

_MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
_AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
_ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
_SLOT_EXTENSIONS = frozenset({_MID, _AUDIO_LEVEL, _ABS_SEND_TIME})
_TRACK_EXTENSIONS = _SLOT_EXTENSIONS | {
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
}
"""video-orientation, playout-delay and video-timing are left out on purpose: browsers then rotate themselves."""
_ONE_BYTE_IDS = range(1, 15)  # RFC 8285 section 4.2: what fits without two-byte headers

_SLOT_FEEDBACK = ("nack", "nack pli", "goog-remb")
_TRACK_FEEDBACK = (*_SLOT_FEEDBACK, "transport-cc")
_OPUS_PARAMETERS = ("minptime", "useinbandfec", "usedtx", "stereo")
_REVERSED = {"sendonly": "recvonly", "recvonly": "sendonly", "sendrecv": "sendrecv", "inactive": "inactive"}


@dataclass(frozen=True, slots=True)
class Accepted:
    """What one m-section of the offer becomes."""

    mid: str
    kind: str
    role: Role
    codec: Codec | None = None
    fmtp: str = ""
    feedback: tuple[str, ...] = ()
    extensions: tuple[Extension, ...] = ()
    rids: tuple[str, ...] = ()
    ssrcs: tuple[int, ...] = ()
    rtx_ssrcs: Mapping[int, int] = field(default_factory=dict)
    protocol: str = "UDP/TLS/RTP/SAVPF"
    format_names: tuple[str, ...] = ()
    rtcp_rsize: bool = False

    @property
    def extension_ids(self) -> dict[str, int]:
        return {extension.uri: extension.id for extension in self.extensions}


@dataclass(frozen=True, slots=True)
class SlotSource:
    """The fixed outgoing stream of one slot."""

    ssrc: int
    rtx_ssrc: int | None
    cname: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Our end of the transport, as the answer tells it."""

    ice: IceParameters
    fingerprint: Fingerprint
    addresses: Sequence[str]
    port: int


# ------------------------------------------------------------------- deciding


def accept(offer: Offer, video_codec: VideoCodec) -> list[Accepted]:
    """Decide about every section. Raises `bad_sdp` or `codec_unsupported` (a track without our codec)."""
    accepted = [_accept_section(offer, section, video_codec) for section in offer.sections]
    for kind, most in MAX_SLOTS.items():
        if sum(a.role == "slot" and a.kind == kind for a in accepted) > most:
            raise bad_sdp(f"more than {most} {kind} slots")
    if not any(a.role != "refused" for a in accepted):
        raise bad_sdp("no m-line of audio or video")
    return accepted


def _accept_section(offer: Offer, section: Section, video_codec: VideoCodec) -> Accepted:
    names = tuple(section.format_names)
    refused = Accepted(section.mid, section.kind, "refused", protocol=section.protocol, format_names=names)
    if section.kind not in ("audio", "video") or section.rejected:
        return refused
    if section.direction == "sendrecv":
        raise bad_sdp(f"m-line {section.mid} is sendrecv: publish with sendonly, receive with recvonly")
    _check_transport(offer, section)
    wanted = "opus" if section.kind == "audio" else video_codec
    chosen = _choose(section, wanted)
    if chosen is None:
        if section.direction == "sendonly":
            raise Invalid("codec_unsupported", f"m-line {section.mid} does not offer {wanted}")
        return _without_codec(section) or refused
    role: Role = {"sendonly": "track", "recvonly": "slot", "inactive": "inactive"}[section.direction]  # type: ignore[assignment]
    return _with_codec(section, chosen, role)


def _check_transport(offer: Offer, section: Section) -> None:
    where = f"m-line {section.mid}"
    if section.mid not in offer.bundle:
        raise bad_sdp(f"{where} is not in the BUNDLE group")
    if section.direction == "inactive":
        return
    if not section.rtcp_mux:
        raise bad_sdp(f"{where} has no a=rtcp-mux")


def transport_section(offer: Offer) -> Section:
    """The section whose ICE and DTLS parameters hold for the bundle (RFC 9143 section 7.1)."""
    by_mid = {section.mid: section for section in offer.sections}
    tagged = next((by_mid[mid] for mid in offer.bundle if mid in by_mid), None)
    if tagged is None:
        raise bad_sdp("no a=group:BUNDLE")
    if not (tagged.ice_ufrag and tagged.ice_pwd):
        raise bad_sdp(f"m-line {tagged.mid} has no ICE credentials")
    if not tagged.fingerprints:
        raise bad_sdp(f"m-line {tagged.mid} has no DTLS fingerprint")
    if tagged.setup not in ("actpass", "active"):
        raise bad_sdp(f"m-line {tagged.mid} must offer a=setup:actpass: this server is the DTLS server")
    return tagged


def _choose(section: Section, wanted: str) -> Format | None:
    candidates = [f for f in section.formats.values() if f.name.lower() == wanted.lower()]
    if wanted == "opus":
        candidates = [f for f in candidates if f.clock_rate == 48000]
    elif wanted == "H264":
        candidates = [f for f in candidates if _h264_rank(f) is not None]
        candidates.sort(key=lambda f: _h264_rank(f) or 0)
    return candidates[0] if candidates else None


def _h264_rank(form: Format) -> int | None:
    """Constrained baseline before baseline (all decoders take both); None for what others could not decode."""
    parameters = form.parameters
    if parameters.get("packetization-mode", "0") != "1":
        return None
    profile = parameters.get("profile-level-id", "420010").lower()
    return 0 if profile.startswith("42e0") else 1 if profile.startswith("42") else None


def _with_codec(section: Section, chosen: Format, role: Role) -> Accepted:
    allowed = _SLOT_FEEDBACK if role == "slot" else _TRACK_FEEDBACK
    offered = set(section.feedback_of(chosen.payload_type))
    feedback = tuple(kind for kind in allowed if kind in offered)
    simulcast = tuple(section.simulcast_send) if role == "track" else ()
    fid = {
        group[1]: group[0] for semantics, group in section.ssrc_groups if semantics == "FID" and len(group) == 2
    }
    # With simulcast the order of SSRCs says nothing about rids; without rids they are all that old clients tell.
    ssrcs = tuple(s for s in section.ssrcs if s not in fid) if role == "track" and not simulcast else ()
    told, sending = set(ssrcs), {rid.id for rid in section.rids if rid.direction == "send"}
    return Accepted(
        section.mid, section.kind, role,
        codec=_codec(section, chosen, "nack" in feedback),
        fmtp=_answered_fmtp(chosen), feedback=feedback,
        extensions=tuple(_extensions(section, role)),
        rids=tuple(rid for rid in simulcast if rid in sending),
        ssrcs=ssrcs, rtx_ssrcs={rtx: primary for rtx, primary in fid.items() if primary in told},
        protocol=section.protocol, rtcp_rsize=section.rtcp_rsize,
    )  # fmt: skip


def _codec(section: Section, chosen: Format, nack: bool) -> Codec:
    rtx = (
        f.payload_type
        for f in section.formats.values()
        if f.name.lower() == "rtx" and f.parameters.get("apt") == str(chosen.payload_type)
    )
    name: Literal["opus", "VP8", "H264"] = {"opus": "opus", "vp8": "VP8", "h264": "H264"}[chosen.name.lower()]  # type: ignore[assignment]
    return Codec(
        name=name, payload_type=chosen.payload_type, clock_rate=chosen.clock_rate, channels=chosen.channels,
        parameters=chosen.fmtp, rtx_payload_type=next(rtx, None) if nack else None, nack=nack,
    )  # fmt: skip


def _answered_fmtp(chosen: Format) -> str:
    if chosen.name.lower() != "opus":
        return chosen.fmtp
    kept = chosen.parameters
    return ";".join(f"{name}={kept[name]}" for name in _OPUS_PARAMETERS if name in kept)


def _extensions(section: Section, role: Role) -> list[Extension]:
    allowed, ours = (_SLOT_EXTENSIONS, "sendonly") if role == "slot" else (_TRACK_EXTENSIONS, "recvonly")
    return [e for e in section.extensions if e.uri in allowed and e.id in _ONE_BYTE_IDS and e.direction != ours]


def _without_codec(section: Section) -> Accepted | None:
    """A slot that cannot carry the room's codec stays inactive, with any format of the offer's."""
    form = next((f for f in section.formats.values() if f.name), None)
    if form is None:
        return None
    return Accepted(
        section.mid, section.kind, "inactive", format_names=(str(form.payload_type),), protocol=section.protocol
    )


# ------------------------------------------------------------------- writing


def write_answer(
    accepted: Sequence[Accepted], slots: Mapping[str, SlotSource], endpoint: Endpoint, session: int, version: int
) -> str:
    """The answer's text. `session` and `version` go into `o=`; the version rises with each answer."""
    bundled = [a for a in accepted if a.role != "refused"]
    lines = [
        "v=0",
        f"o=- {session} {version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE " + " ".join(a.mid for a in bundled),
        "a=ice-lite",
        "a=msid-semantic: WMS *",
    ]
    pairs: dict[str, int] = {}
    for a in accepted:
        if a.role == "refused":
            lines += [
                f"m={a.kind} 0 {a.protocol} {' '.join(a.format_names)}",
                "c=IN IP4 0.0.0.0",
                f"a=mid:{a.mid}",
            ]
            continue
        # aiortc takes the candidates of the bundle's last section, browsers those of the first: all have them.
        lines += _section_head(a, endpoint) + _candidates(endpoint) + _media_lines(a)
        if a.role == "slot":
            pairs[a.kind] = pairs.get(a.kind, 0) + 1
            lines += _slot_lines(a, slots[a.mid], pairs[a.kind])
    return "\r\n".join(lines) + "\r\n"


def _section_head(a: Accepted, endpoint: Endpoint) -> list[str]:
    address = endpoint.addresses[0]
    codec = a.codec
    formats = list(a.format_names) if codec is None else [str(codec.payload_type)]
    if codec and codec.rtx_payload_type is not None:
        formats.append(str(codec.rtx_payload_type))
    direction = {"track": "recvonly", "slot": "sendonly", "inactive": "inactive"}[a.role]
    return [
        f"m={a.kind} {endpoint.port} {a.protocol} {' '.join(formats)}",
        f"c=IN {'IP6' if ':' in address else 'IP4'} {address}",
        f"a=mid:{a.mid}",
        f"a={direction}",
        f"a=ice-ufrag:{endpoint.ice.ufrag}",
        f"a=ice-pwd:{endpoint.ice.pwd}",
        f"a=fingerprint:{endpoint.fingerprint.algorithm} {endpoint.fingerprint.value}",
        "a=setup:passive",
        "a=rtcp-mux",
        *(["a=rtcp-rsize"] if a.rtcp_rsize else []),
    ]


def _candidates(endpoint: Endpoint) -> list[str]:
    """One host candidate an address (RFC 8839 section 5.1), the first preferred; nothing follows them."""
    return [
        f"a=candidate:{n} 1 udp {126 << 24 | (65535 - n) << 8 | 255} {address} {endpoint.port} typ host"
        for n, address in enumerate(endpoint.addresses, 1)
    ] + ["a=end-of-candidates"]


def _media_lines(a: Accepted) -> list[str]:
    codec = a.codec
    if codec is None:
        return []
    pt, rtx = codec.payload_type, codec.rtx_payload_type
    channels = f"/{codec.channels}" if codec.channels else ""
    lines = [f"a=rtpmap:{pt} {codec.name}/{codec.clock_rate}{channels}"]
    lines += [f"a=fmtp:{pt} {a.fmtp}"] if a.fmtp else []
    lines += [f"a=rtcp-fb:{pt} {feedback}" for feedback in a.feedback]
    if rtx is not None:
        lines += [f"a=rtpmap:{rtx} rtx/{codec.clock_rate}", f"a=fmtp:{rtx} apt={pt}"]
    for e in a.extensions:
        direction = f"/{_REVERSED[e.direction]}" if e.direction else ""
        lines.append(f"a=extmap:{e.id}{direction} {e.uri}")
    if a.rids:
        lines += [f"a=rid:{rid} recv" for rid in a.rids] + [f"a=simulcast:recv {';'.join(a.rids)}"]
    return lines


def _slot_lines(a: Accepted, source: SlotSource, nth: int) -> list[str]:
    """The n-th audio and the n-th video slot share a stream, which is what browsers synchronise."""
    msid = f"pair-{nth} slot-{a.mid}"
    ssrcs = [source.ssrc] if source.rtx_ssrc is None else [source.ssrc, source.rtx_ssrc]
    lines = [f"a=msid:{msid}"]
    if len(ssrcs) == 2:
        lines.append(f"a=ssrc-group:FID {ssrcs[0]} {ssrcs[1]}")
    for ssrc in ssrcs:
        lines += [f"a=ssrc:{ssrc} cname:{source.cname}", f"a=ssrc:{ssrc} msid:{msid}"]
    return lines
