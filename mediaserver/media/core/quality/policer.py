"""Limit what a publisher sends, with token buckets for bits and packets, per track and per publisher.

Clients may ignore the bitrate that REMB advises. A policer refuses packets far above it, reports the excess once,
and reports it again when it lasts too long.
"""

from dataclasses import dataclass
from typing import Final, Literal

from mediaserver.base.limits.token_bucket import TokenBucket

HEADROOM: Final = 2.0
"""Policing starts at this multiple of the advised bitrate: probing, keyframes and retransmissions come on top."""
BURST_S: Final = 1.0
"""The burst of a full bucket, in seconds of its rate: a keyframe, or what a stalled network held back."""
QUIET_S: Final = 2.0
"""An excess ends when nothing was refused for this time."""
CLOSED_S: Final = 0.005
"""After a refusal nothing is decrypted until there is room for the packet, and a few more."""
SMALL_PACKET_BYTES: Final = 250
"""Video packets may on average be this small. Browsers' average is 900 bytes, their padding has 250 and more."""
MIN_VIDEO_PACKETS_PER_S: Final = 1000.0
"""Three simulcast layers, camera and screen at 60 frames/s are 360 packets/s at however low a bitrate."""

Reason = Literal["bitrate", "packet_rate"]


@dataclass(frozen=True, slots=True)
class Rate:
    """A sustained rate limit."""

    bits_per_s: float
    packets_per_s: float


@dataclass(frozen=True, slots=True)
class PolicingLimits:
    """The limits of every publisher of a worker."""

    max_bitrate_bps: int = 3_000_000
    """Advised to each publisher; `HEADROOM` times that is allowed."""
    audio_bitrate_bps: int = 256_000
    audio_packets_per_s: int = 200
    patience_s: float = 10.0
    """How long an excess may last before the track should be ended."""

    @property
    def publisher(self) -> Rate:
        """For all tracks of a publisher together, and for a single video track."""
        bits_per_s = self.max_bitrate_bps * HEADROOM
        return Rate(bits_per_s, max(MIN_VIDEO_PACKETS_PER_S, bits_per_s / 8 / SMALL_PACKET_BYTES))

    @property
    def audio(self) -> Rate:
        """For one audio track, redundancy (RED) included."""
        return Rate(self.audio_bitrate_bps, self.audio_packets_per_s)


@dataclass(frozen=True, slots=True)
class Excess:
    """An ongoing excess; `is_over` says that it has lasted for `PolicingLimits.patience_s`."""

    reason: Reason
    is_over: bool


class Policer:
    """Limits bits and packets. Pass only authenticated packets to `admit`, since others must not use it up."""

    __slots__ = (
        "_announced", "_bits", "_last_s", "_packets", "_patience_s", "_reason", "_since_s", "closed_until_s",
    )  # fmt: skip

    def __init__(self, rate: Rate, patience_s: float, now: float) -> None:
        self._bits = TokenBucket(rate.bits_per_s, rate.bits_per_s * BURST_S, now)
        self._packets = TokenBucket(rate.packets_per_s, rate.packets_per_s * BURST_S, now)
        self._patience_s = patience_s
        self._since_s: float | None = None
        self._last_s = now
        self._reason: Reason = "bitrate"
        self._announced = False
        self.closed_until_s = now
        """Until then there is no room for what was refused last, so the next packets need no decryption."""

    def admit(self, size: int, now: float) -> bool:
        """Return whether a packet of `size` bytes is within the limit, and count it if so."""
        if not self._packets.take(1, now):
            self._reason = "packet_rate"
            self.closed_until_s = now + self._packets.wait_s(1, now) + CLOSED_S
        elif not self._bits.take(size * 8, now):
            self._reason = "bitrate"
            self.closed_until_s = now + self._bits.wait_s(size * 8, now) + CLOSED_S
        else:
            return True
        self.refused(now)
        return False

    def charge(self, size: int, now: float) -> None:
        """Count a packet that another policer has admitted."""
        self._packets.charge(1, now)
        self._bits.charge(size * 8, now)

    def refused(self, now: float) -> None:
        """Note that a packet was refused, perhaps before its decryption."""
        if self._since_s is None or now - self._last_s > QUIET_S:
            self._since_s, self._announced = now, False
        self._last_s = now

    def is_refusing(self, now: float) -> bool:
        """Whether packets were refused lately: their gaps are not worth a retransmission."""
        return self._since_s is not None and now - self._last_s <= QUIET_S

    def news(self, now: float) -> Excess | None:
        """Return what is to be told of the present excess: once that there is one, then each time that it has
        lasted for the patience again: another track may be to blame meanwhile. Poll about every second."""
        if self._since_s is None or not self.is_refusing(now):
            self._since_s = None
            return None
        if self._last_s - self._since_s >= self._patience_s:
            self._since_s, self._announced = now, True
            return Excess(self._reason, is_over=True)
        if self._announced:
            return None
        self._announced = True
        return Excess(self._reason, is_over=False)


class TrackPolicer:
    """The policers that a track's packets pass: its own, and for video its publisher's.

    Audio has its limit to itself: it counts towards the publisher's, but a camera's flood never displaces it.
    """

    __slots__ = ("_is_audio", "own", "publisher")

    def __init__(self, is_audio: bool, limits: PolicingLimits, publisher: Policer, now: float) -> None:
        self._is_audio, self.publisher = is_audio, publisher
        self.own = Policer(limits.audio if is_audio else limits.publisher, limits.patience_s, now)

    def refuses_unseen(self, now: float) -> bool:
        """Whether any packet would be refused now. This may be asked before a packet is authenticated: an answer
        takes nothing from the buckets."""
        for policer in (self.own,) if self._is_audio else (self.own, self.publisher):
            if now < policer.closed_until_s:
                policer.refused(now)
                return True
        return False

    def admit(self, size: int, now: float) -> bool:
        """Return whether an authenticated packet of `size` bytes is within the limits, and count it if so."""
        if not self.own.admit(size, now):
            return False
        if self._is_audio:
            self.publisher.charge(size, now)
            return True
        return self.publisher.admit(size, now)

    def is_refusing(self, now: float) -> bool:
        """Return whether packets of the track were refused recently."""
        return self.own.is_refusing(now) or (not self._is_audio and self.publisher.is_refusing(now))
