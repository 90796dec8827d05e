"""What single packets are to a keyframe, by codec (see `keyframe_delivery`)."""

from typing import Final

from mediaserver.media.core.codecs import h264, vp8
from mediaserver.media.core.codecs.vp8 import Vp8Descriptor
from mediaserver.media.core.packets import rtp
from mediaserver.media.core.packets.buffers import Readable
from mediaserver.media.core.packets.rtp import RtpHeader
from mediaserver.media.core.quality.keyframe_delivery import Part

SOUND: Final = Part(0, ends_frame=True, opens=True, picture=True)
"""Sound can be decoded from any packet on."""


def part_of(codec: str, data: Readable, header: RtpHeader) -> Part:
    """The part that a stored packet plays; a codec other than VP8 is H264."""
    if rtp.is_padding_only(header):
        return Part(header.timestamp, ends_frame=False, opens=False, picture=False, empty=True)
    at, size = header.header_length, header.payload_length
    if codec == "VP8":
        return vp8_part(header, vp8.parse(data, at, size))
    return h264_part(header, h264.keyframe_units(data, at, size))


def vp8_part(header: RtpHeader, descriptor: Vp8Descriptor | None) -> Part:
    """Only the first packet of a frame shows what it is (RFC 7741 section 4.3)."""
    is_first = descriptor is not None and descriptor.keyframe
    return Part(header.timestamp, header.marker, opens=is_first, picture=is_first)


def h264_part(header: RtpHeader, units: tuple[bool, bool]) -> Part:
    """Decoding may begin with an SPS. A picture without one may be a later slice, or its SPS is still to come."""
    has_sps, has_idr = units
    return Part(header.timestamp, header.marker, opens=has_sps, picture=has_idr)
