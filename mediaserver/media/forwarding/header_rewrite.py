"""Rewrites payload types and header extensions from a publisher's numbers to those of a subscriber.

All slots of a stream with the same rewrite share each packet's body; only the 12 bytes before it differ.
"""

from typing import Any, Final, NamedTuple

from mediaserver.media.core.codecs.vp8 import Vp8Descriptor
from mediaserver.media.core.packets import rtp
from mediaserver.media.messages import Codec

_DROPPED: Final = 0xFF


class Prepared(NamedTuple):
    """A packet for all subscribers with one rewrite. `body` is what follows the fixed header."""

    size: int
    first: int
    second: int
    sequence: int
    timestamp: int
    body: bytes
    transport_cc_at: int
    """Offset of the transport-wide sequence number in the packet; 0 when there is none."""
    payload_at: int
    vp8: Vp8Descriptor | None


class HeaderRewrite:
    """Translates a publisher's numbers to a subscriber's. `codecs` is empty when no codec is compatible."""

    __slots__ = (
        "_abs_send_time", "_extensions", "_payload_types", "_transport_cc", "codecs", "numbers_transport",
    )  # fmt: skip

    def __init__(
        self, codecs_in: list[Codec], ext_in: dict[str, int], codecs_out: list[Codec], ext_out: dict[str, int]
    ) -> None:
        self.codecs = {
            one.payload_type: match for one in codecs_in if (match := _matching(one, codecs_out)) is not None
        }
        table = bytearray([_DROPPED] * 128)
        for number, codec in self.codecs.items():
            table[number] = codec.payload_type
        self._payload_types = bytes(table)
        self._extensions = rtp.extension_map(ext_in, ext_out)
        self._abs_send_time = ext_out.get(rtp.ABS_SEND_TIME, 0) if rtp.ABS_SEND_TIME in ext_in else 0
        self._transport_cc = ext_out.get(rtp.TRANSPORT_CC, 0) if rtp.TRANSPORT_CC in ext_in else 0
        self.numbers_transport = bool(self._transport_cc)
        """Whether packets carry a transport-wide sequence number, which differs for each subscriber."""

    def prepare(
        self, data: bytes, header: rtp.RtpHeader, descriptor: Vp8Descriptor | None, now: float
    ) -> Prepared | None:
        """Return the packet with the subscribers' numbers; None for a payload type that they do not support."""
        payload_type = self._payload_types[header.payload_type]
        if payload_type == _DROPPED:
            return None
        transport_cc_at = 0
        if header.ext_start:
            packet = bytearray(data)
            rtp.rewrite_extensions(packet, header, self._extensions)
            if self._abs_send_time or self._transport_cc:
                transport_cc_at = self._stamp(packet, header, now)
            body = bytes(packet[12:])
        else:
            body = data[12:]
        second = header.marker << 7 | payload_type
        return Prepared(
            len(data), data[0], second, header.sequence, header.timestamp, body, transport_cc_at,
            header.header_length, descriptor,
        )  # fmt: skip

    def _stamp(self, packet: bytearray, header: rtp.RtpHeader, now: float) -> int:
        """Replace the publisher's sending time by our own; return the offset of the transport-wide number."""
        at = 0
        for number, _, offset, length in rtp.elements(packet, header):
            if number == self._abs_send_time and length == 3:
                packet[offset : offset + 3] = (int(now * 262144) & 0xFFFFFF).to_bytes(3, "big")
            elif number == self._transport_cc and length == 2:
                at = offset
        return at


class HeaderRewrites:
    """Creates each rewrite once, so that slots with the same numbers share it."""

    def __init__(self) -> None:
        self._made: dict[Any, HeaderRewrite] = {}

    def between(
        self, codecs_in: list[Codec], ext_in: dict[str, int], codecs_out: list[Codec], ext_out: dict[str, int]
    ) -> HeaderRewrite:
        key = (
            tuple(codecs_in),
            tuple(codecs_out),
            tuple(sorted(ext_in.items())),
            tuple(sorted(ext_out.items())),
        )
        rewrite = self._made.get(key)
        if rewrite is None:
            if len(self._made) >= 1024:  # rewrites that are forgotten are only no longer shared
                self._made.clear()
            rewrite = self._made[key] = HeaderRewrite(codecs_in, ext_in, codecs_out, ext_out)
        return rewrite


def _matching(codec: Codec, offered: list[Codec]) -> Codec | None:
    """Return the subscriber's codec for what the publisher sends: an equal one, else a compatible one."""
    fitting = [one for one in offered if one.name == codec.name and _mode(one) == _mode(codec)]
    equal = [one for one in fitting if _profile(one) == _profile(codec)]
    return next(iter(equal or fitting), None)


def _parameter(codec: Codec, name: str, default: str) -> str:
    for part in codec.parameters.split(";"):
        key, _, value = part.strip().partition("=")
        if key.lower() == name:
            return value.lower()
    return default


def _mode(codec: Codec) -> str:
    """Return the packetization mode of H.264, which a forwarder cannot change (RFC 6184 section 8.1)."""
    return _parameter(codec, "packetization-mode", "0") if codec.name == "H264" else ""


def _profile(codec: Codec) -> str:
    """Return the profile of H.264 without the level: decoders accept lower levels than negotiated."""
    return _parameter(codec, "profile-level-id", "42e0")[:4] if codec.name == "H264" else ""
