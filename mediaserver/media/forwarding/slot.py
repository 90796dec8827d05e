"""A receive slot: one outgoing stream with fixed SSRCs that carries one track after another to one subscriber.

Its sequence numbers, timestamps and VP8 picture ids only ever continue, whatever is bound to it (`SlotRewriter`).
"""

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from mediaserver.media.core.codecs import vp8 as vp8_payload
from mediaserver.media.core.codecs.vp8 import Vp8Descriptor, Vp8Rewriter
from mediaserver.media.core.feedback.retransmission import RetransmissionHistory
from mediaserver.media.core.feedback.round_trip import SentReports
from mediaserver.media.core.packets import rtcp, rtp
from mediaserver.media.core.packets.rtcp import MAX_NACKED
from mediaserver.media.core.packets.sequence import SlotRewriter
from mediaserver.media.forwarding.header_rewrite import Wiring
from mediaserver.media.messages import SetSlot

if TYPE_CHECKING:
    from mediaserver.media.forwarding.track import Stream, Track
    from mediaserver.media.forwarding.transport import Transport

_CIPHERTEXTS: Final = 256
MAX_REPORTED: Final = 50_000
"""A report of more packets than this since the last one is a mistake."""


class _Lost(NamedTuple):
    """A packet to send again: the publisher's own, or without RTX (no offset) the datagram that was lost."""

    data: bytes
    timestamp_offset: int | None


class Slot:
    """`track` is bound to it; `stream` is what it carries now, `target` what it will carry from a keyframe on."""

    __slots__ = (
        "_last_vp8", "_resent", "cname", "codecs", "extensions", "fraction_lost", "highest_reported", "kind",
        "max_height", "max_width", "mid", "nacked", "octets", "packets", "reports_sent", "resumed",
        "retransmitted", "revision", "rewriter", "rtx_sequence", "rtx_ssrc", "sent", "special", "ssrc",
        "steps_down", "stream", "suspended", "target", "track", "transport", "vp8", "wiring",
    )  # fmt: skip

    def __init__(self, transport: "Transport", told: SetSlot) -> None:
        self.transport = transport
        self.mid, self.kind, self.ssrc = told.mid, told.kind, told.ssrc
        self.track: Track | None = None
        self.stream: Stream | None = None
        self.target: Stream | None = None
        self.wiring: Wiring | None = None
        self.revision = 0
        self.resumed = False
        self.max_width: int | None = None
        self.max_height: int | None = None
        self.steps_down = 0
        """How many layers below the one for its tile it gets, since the subscriber's link is narrow."""
        self.suspended = False
        """It carries nothing, since the subscriber's link has no room for it."""
        self.rewriter: SlotRewriter[Stream | None] = SlotRewriter(
            48_000 if told.kind == "audio" else 90_000, None, secrets.randbits(15), secrets.randbits(31)
        )
        self.vp8: Vp8Rewriter | None = None
        """None until a second VP8 stream is bound: the first one's numbers go out as they are."""
        self.special = False
        """Its packets need more than a header of their own."""
        self.rtx_sequence = secrets.randbits(15)
        self.sent: dict[int, bytes] | None = None
        """Without RTX: what went out, by sequence, encrypted. To protect a number again with other bytes (a new
        TWCC number, say) would repeat a GCM nonce."""
        self._last_vp8: Vp8Descriptor | None = None
        self.nacked: dict[int, None] = {}
        """Sequence numbers that the subscriber asks for; answered after what is to be forwarded first."""
        self._resent = RetransmissionHistory()
        self.reports_sent = SentReports()
        self.packets = self.octets = self.retransmitted = 0
        self.fraction_lost = 0.0
        self.highest_reported: int | None = None
        self.change(told)

    @property
    def is_ready(self) -> bool:
        """Whether its client is connected: what is sent before reaches nobody."""
        return self.transport.path is not None

    def change(self, told: SetSlot) -> None:
        """Take over what a later `set_slot` says; SSRCs never change."""
        self.cname = told.cname
        self.rtx_ssrc = told.rtx_ssrc
        self.codecs = told.codecs
        self.extensions = told.extensions
        if told.rtx_ssrc is not None:
            self.sent = None
        elif self.sent is None and any(codec.nack for codec in told.codecs):
            self.sent = {}
        self.special = self.vp8 is not None or self.sent is not None

    def begin(self, stream: "Stream") -> None:
        """Carry `stream` from its next packet on, which starts a keyframe; all numbering goes on."""
        stream.settle()
        if self.vp8 is not None:
            self.vp8.rebind()
        elif self._last_vp8 is not None:
            self.vp8 = Vp8Rewriter()
            self.vp8.patch(bytearray(self._last_vp8.length + 1), 0, self._last_vp8)
            self.vp8.rebind()
        self.special = self.vp8 is not None or self.sent is not None
        self.rewriter.rebind(stream)
        self.stream = stream

    def end(self) -> "Stream | None":
        """Carry nothing; returns what was carried."""
        if self.stream is not None:
            self.stream.settle()
        stream, self.stream = self.stream, None
        if stream is not None and stream.last_vp8 is not None:
            self._last_vp8 = stream.last_vp8
        return stream

    def book(self) -> None:
        """Bring numbering and counters up to date, before they are read."""
        if self.stream is not None:
            self.stream.book()

    def keep(self, sequence: int, protected: bytes) -> None:
        """Remember what went out, for a subscriber without RTX."""
        sent = self.sent
        if sent is not None:
            sent[sequence] = protected
            if len(sent) > _CIPHERTEXTS:
                del sent[next(iter(sent))]

    def nack(self, sequences: Iterable[int]) -> None:
        """Take note of what the subscriber misses; `resend` answers it."""
        if len(self.nacked) < MAX_NACKED:
            self.nacked.update(dict.fromkeys(sequences))

    def resend(self, now: float) -> int:
        """Answer the NACKs: by RTX where negotiated (RFC 4588), else with the very datagram that was lost.

        Returns how many packets were refused, since the subscriber's budget for retransmissions is used up.
        """
        if not self.nacked:
            return 0
        self.book()
        due = self._resent.due(self.nacked, self.transport.rtt.seconds, now)
        self.nacked.clear()
        for index, sequence in enumerate(due):
            lost = self._find(sequence, now)
            if lost is None:
                continue
            if not self.transport.retransmissions.take(len(lost.data), now, audio=self.kind == "audio"):
                return len(due) - index
            if self._resend_one(sequence, lost, now):
                self._resent.sent(sequence, now)
                self.retransmitted += 1
        return 0

    def _find(self, sequence: int, now: float) -> "_Lost | None":
        """The packet that went out as `sequence`, if it is still there."""
        if self.sent is not None:
            protected = self.sent.get(sequence)
            return None if protected is None else _Lost(protected, None)
        origin = self.rewriter.origin(sequence)
        if origin is None or origin.source is None or self.rtx_ssrc is None or self.wiring is None:
            return None
        if self.vp8 is not None and origin.generation != self.rewriter.generation:
            return None  # its picture ids belong to an earlier binding
        original = origin.source.cache.get(origin.sequence, now)
        return None if original is None else _Lost(original, origin.timestamp_offset)

    def _resend_one(self, sequence: int, lost: "_Lost", now: float) -> bool:
        if lost.timestamp_offset is None:
            self.transport.send_protected(lost.data)
            return True
        packet = self._wrapped(lost.data, sequence, lost.timestamp_offset, now)
        if packet is not None:
            self.transport.send_rtp(packet)
        return packet is not None

    def _wrapped(self, original: bytes, sequence: int, timestamp_offset: int, now: float) -> bytearray | None:
        header = rtp.parse(original, len(original))
        wiring = self.wiring
        assert header is not None and wiring is not None and self.rtx_ssrc is not None
        codec = wiring.codecs.get(header.payload_type)
        prepared = wiring.prepare(original, header, None, now)
        if codec is None or codec.rtx_payload_type is None or prepared is None:
            return None
        plain = bytearray(12) + prepared.body
        plain[0] = prepared.first
        if prepared.transport_cc_at:
            number = self.transport.next_transport_sequence()
            plain[prepared.transport_cc_at : prepared.transport_cc_at + 2] = number.to_bytes(2, "big")
        if self.vp8 is not None and codec.name == "VP8":
            descriptor = vp8_payload.parse(plain, header.header_length, header.payload_length)
            if descriptor is not None:
                self.vp8.patch(plain, header.header_length, descriptor)
        out = bytearray(prepared.size + 2)
        self.rtx_sequence = self.rtx_sequence + 1 & 0xFFFF
        rtp.rtx_wrap(
            out, 0, plain, header,
            payload_type=codec.rtx_payload_type, ssrc=self.rtx_ssrc, sequence=self.rtx_sequence,
            timestamp=header.timestamp + timestamp_offset & 0xFFFFFFFF, original_sequence=sequence,
        )  # fmt: skip
        return out

    def report(self, block: rtcp.ReportBlock) -> tuple[int, int]:
        """Take a report on this slot's stream; return the packets (expected, lost) since the last one."""
        self.fraction_lost = block.fraction_lost / 256
        before, self.highest_reported = self.highest_reported, block.highest_sequence
        expected = 0 if before is None else block.highest_sequence - before
        if not 0 < expected <= MAX_REPORTED:
            return 0, 0
        return expected, round(expected * self.fraction_lost)

    def sender_report(self, now: float) -> bytes | None:
        """A sender report by the publisher's clock, so that its tracks stay in step at the subscriber."""
        self.book()
        stream, offset = self.stream, self.rewriter.timestamp_offset
        if stream is None or offset is None or not self.packets:
            return None
        report = stream.clock.build(self.ssrc, offset, self.packets, self.octets, now)
        if report is None:
            return None
        self.reports_sent.sent(int.from_bytes(report[10:14], "big"), now)
        return report + rtcp.build_sdes(self.ssrc, self.cname)
