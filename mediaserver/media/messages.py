"""The messages between the main process and a media worker: transports, tracks and slots, but no users or SDP.

Requests are answered with their `Reply`; events are sent without a request. All ids are chosen by the main
process.
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from mediaserver.media.core.quality.policer import PolicingLimits, Reason

Kind = Literal["audio", "video"]
TransportState = Literal["connecting", "connected", "disconnected", "closed"]


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fingerprint(Message):
    """The fingerprint of a certificate (RFC 8122): algorithm such as `sha-256`, value in colon-separated hex."""

    algorithm: str
    value: str


class Codec(Message):
    """A negotiated codec with the payload types of one end; `rtx_payload_type` is None without RTX."""

    name: Literal["opus", "VP8", "H264"]
    payload_type: int
    clock_rate: int
    channels: int | None = None
    parameters: str = ""
    rtx_payload_type: int | None = None
    nack: bool = True


# ---------------------------------------------------------------------------------------------- requests


class Request(Message):
    op: ClassVar[str]


class Empty(Message):
    """The reply to requests without a result."""


class Configure(Request):
    """The first request after each start of a worker. `port` 0 chooses a free one."""

    op: ClassVar[str] = "configure"
    ip: str
    port: int
    certificate: str
    """Path of a PEM file with the DTLS private key and certificate."""
    gso: bool = True
    max_bitrate_bps: int = 3_000_000
    """Highest bitrate that a participant is asked to send (REMB); policing starts at twice that."""
    max_audio_bitrate_bps: int = 256_000
    max_audio_packets_per_s: int = 200
    excess_s: float = 10.0
    """How long a track may exceed these limits before `TrackLimited` is sent with `is_over`."""
    log_level: str = "info"
    log_format: Literal["text", "json"] = "text"

    def policing_limits(self) -> PolicingLimits:
        return PolicingLimits(
            self.max_bitrate_bps, self.max_audio_bitrate_bps, self.max_audio_packets_per_s, self.excess_s
        )


class Configured(Message):
    port: int
    fingerprint: Fingerprint


class OpenTransport(Request):
    """Open a transport for a participant of `room`; it waits for the client's first STUN check."""

    op: ClassVar[str] = "open_transport"
    room: str
    transport: str


class IceParameters(Message):
    """The ICE credentials of an end."""

    ufrag: str
    pwd: str


class ConnectTransport(Request):
    """Set the client's ICE credentials and DTLS fingerprints. The client is always the DTLS client, because the
    server answers `setup:passive`."""

    op: ClassVar[str] = "connect_transport"
    transport: str
    ice: IceParameters
    fingerprints: list[Fingerprint]


class RestartIce(Request):
    """Set the client's new ICE credentials and create new ones of the server (reply: IceParameters). DTLS and
    SRTP state is kept (RFC 8445 section 9)."""

    op: ClassVar[str] = "restart_ice"
    transport: str
    ice: IceParameters


class CloseTransport(Request):
    """Close the transport with its tracks and slots, sending DTLS close_notify."""

    op: ClassVar[str] = "close_transport"
    transport: str


class SetTrack(Request):
    """Create or change a published track. SSRCs are learned from mid, rid or repaired-rid, or given in
    `ssrcs`."""

    op: ClassVar[str] = "set_track"
    transport: str
    track: str
    mid: str
    kind: Kind
    source: Literal["microphone", "camera", "screen", "screenAudio"]
    codecs: list[Codec]
    """Codecs with the publisher's payload types."""
    extensions: dict[str, int]
    """The publisher's ids of header extensions by URI."""
    ssrcs: list[int] = []
    """Primary SSRCs in the offer (`a=ssrc`)."""
    rtx_ssrcs: dict[int, int] = {}
    """Primary SSRCs by RTX SSRC (`a=ssrc-group:FID`)."""
    rids: list[str] = []
    """Simulcast layers, best first; empty without simulcast."""
    enabled: bool = True
    """False drops the track's packets on arrival (muted, camera hidden)."""


class EnableTrack(Request):
    op: ClassVar[str] = "enable_track"
    track: str
    enabled: bool


class CloseTrack(Request):
    """Close a track. Slots bound to it stay open but unbound."""

    op: ClassVar[str] = "close_track"
    track: str


class SetSlot(Request):
    """Create or change a receive slot: its fixed outgoing SSRCs, and the subscriber's codec and extension ids."""

    op: ClassVar[str] = "set_slot"
    transport: str
    mid: str
    kind: Kind
    ssrc: int
    rtx_ssrc: int | None
    cname: str
    codecs: list[Codec]
    extensions: dict[str, int]


class BindSlot(Request):
    """Bind a track (or None) to a slot. The slot pauses at once. `ResumeSlot` with the same revision continues
    it, for video with the next keyframe, for which a PLI is sent then."""

    op: ClassVar[str] = "bind_slot"
    transport: str
    mid: str
    track: str | None
    revision: int
    max_width: int | None = None
    max_height: int | None = None


class ResumeSlot(Request):
    op: ClassVar[str] = "resume_slot"
    transport: str
    mid: str
    revision: int


class PauseSlot(Request):
    op: ClassVar[str] = "pause_slot"
    transport: str
    mid: str


class TapTrack(Request):
    """Copy a track's RTP and sender reports to the egress process at the Unix socket `path`, with number
    `tap`."""

    op: ClassVar[str] = "tap_track"
    track: str
    tap: int
    path: str


class UntapTrack(Request):
    op: ClassVar[str] = "untap_track"
    track: str
    tap: int


class GetStats(Request):
    """Request the counters of the worker (reply: Stats)."""

    op: ClassVar[str] = "get_stats"


class TrackStats(Message):
    track: str
    packets: int
    bytes: int
    lost: int
    bitrate_bps: int


class SlotStats(Message):
    transport: str
    mid: str
    packets: int
    bytes: int
    retransmitted: int
    fraction_lost: float


class Stats(Message):
    """Counters since the start of the worker. `dropped` counts dropped datagrams by reason."""

    packets_in: int
    packets_out: int
    bytes_in: int
    bytes_out: int
    dropped: dict[str, int]
    transports: int
    tracks: list[TrackStats]
    slots: list[SlotStats]
    cpu_s: float


# ---------------------------------------------------------------------------------------------- events


class Event(Message):
    name: ClassVar[str]


class TransportChanged(Event):
    """A change of a transport's state: `disconnected` after 7 s without a valid STUN check or authenticated
    packet (idle clients check every 4 to 6 s), `connected` again with the next one. After `closed` the
    transport no longer exists; `reason` is `client_closed`, `dtls_failed`, `dtls_timeout` or `ice_timeout`."""

    name: ClassVar[str] = "transport_changed"
    transport: str
    state: TransportState
    reason: str = ""


class SpeakersChanged(Event):
    """The microphone tracks of a room by smoothed level (RFC 6464), loudest first, without silent ones. Sent
    when the order of the first few changes, at most every 300 ms."""

    name: ClassVar[str] = "speakers_changed"
    room: str
    tracks: list[str]


class TrackLimited(Event):
    """Packets of the track are dropped because it, or all video tracks of its publisher together, exceed a
    limit. Sent once at the start, and with `is_over` when this has lasted for `Configure.excess_s`: the track
    should be closed."""

    name: ClassVar[str] = "track_limited"
    transport: str
    track: str
    reason: Reason
    is_over: bool


class SlotSuspended(Event):
    """The subscriber's link is too narrow for the smallest layer in this slot, or (`suspended` False) no longer
    is."""

    name: ClassVar[str] = "slot_suspended"
    transport: str
    mid: str
    track: str | None
    suspended: bool


class SlotUnsupported(Event):
    """The slot does not support the codec of the bound track."""

    name: ClassVar[str] = "slot_unsupported"
    transport: str
    mid: str
    track: str


REQUESTS: dict[str, type[Request]] = {
    cls.op: cls
    for cls in (
        Configure, OpenTransport, ConnectTransport, RestartIce, CloseTransport, SetTrack, EnableTrack, CloseTrack,
        SetSlot, BindSlot, ResumeSlot, PauseSlot, TapTrack, UntapTrack, GetStats,
    )
}  # fmt: skip
EVENTS: dict[str, type[Event]] = {
    cls.name: cls for cls in (TransportChanged, SpeakersChanged, TrackLimited, SlotSuspended, SlotUnsupported)
}
