"""How one subscriber numbers what one publisher sends: payload types and header extensions; packets made by it.

All slots of a stream that share a wiring share each packet's body; only the 12 bytes before it differ.
"""

from typing import Any, Final, NamedTuple

from mediaserver.media.core.codecs.vp8 import Vp8Descriptor
from mediaserver.media.core.packets import rtp
from mediaserver.media.messages import Codec

_DROPPED: Final = 0xFF


class Prepared(NamedTuple):
    """A packet for all subscribers of one wiring; `body` is what follows the fixed header."""

    size: int
    first: int
    second: int
    sequence: int
    timestamp: int
    body: bytes
    transport_cc_at: int
    """Where the transport-wide sequence number stands in the packet, 0 when there is none."""
    payload_at: int
    vp8: Vp8Descriptor | None


class Wiring:
    """The translation from one publisher's numbers to one subscriber's; `codecs` is empty when none fits."""

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
        """Packets carry a transport-wide number, another for each subscriber."""

    def prepare(
        self, data: bytes, header: rtp.RtpHeader, descriptor: Vp8Descriptor | None, now: float
    ) -> Prepared | None:
        """The packet as the subscribers number it; None for a payload type that they do not have."""
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
        """Write our own sending time over the publisher's; the place of the transport-wide number."""
        at = 0
        for number, _, offset, length in rtp.elements(packet, header):
            if number == self._abs_send_time and length == 3:
                packet[offset : offset + 3] = (int(now * 262144) & 0xFFFFFF).to_bytes(3, "big")
            elif number == self._transport_cc and length == 2:
                at = offset
        return at


class Wirings:
    """Makes each wiring once, so that slots that number alike are served alike."""

    def __init__(self) -> None:
        self._made: dict[Any, Wiring] = {}

    def between(
        self, codecs_in: list[Codec], ext_in: dict[str, int], codecs_out: list[Codec], ext_out: dict[str, int]
    ) -> Wiring:
        key = (
            tuple(codecs_in),
            tuple(codecs_out),
            tuple(sorted(ext_in.items())),
            tuple(sorted(ext_out.items())),
        )
        wiring = self._made.get(key)
        if wiring is None:
            if len(self._made) >= 1024:  # forgetting costs only sharing
                self._made.clear()
            wiring = self._made[key] = Wiring(codecs_in, ext_in, codecs_out, ext_out)
        return wiring


def _matching(codec: Codec, offered: list[Codec]) -> Codec | None:
    """The subscriber's codec that carries what the publisher sends, an equal one before a merely fitting."""
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
    """H264's packetisation, which a forwarder cannot change (RFC 6184 section 8.1)."""
    return _parameter(codec, "packetization-mode", "0") if codec.name == "H264" else ""


def _profile(codec: Codec) -> str:
    """H264's profile without the level: decoders take lower levels than they were promised."""
    return _parameter(codec, "profile-level-id", "42e0")[:4] if codec.name == "H264" else ""
