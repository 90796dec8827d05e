"""Payloads of VP8, H.264 and Opus anywhere in a packet: descriptors, keyframes, picture sizes, renumbering."""

from mediaserver.media.core.codecs import h264, opus, vp8
from tests.fuzz.target import Target

GUARD = b"\xa5" * 4


def run(data: bytes) -> None:
    offset = data[0] % 5 if data else 0
    payload = data[1:]
    buffer = bytearray(offset) + payload
    length = len(payload)
    opus.duration_us(buffer, offset, length)
    h264.is_keyframe(buffer, offset, length)
    size = h264.dimensions(buffer, offset, length)
    assert size is None or all(0 < side <= 16384 for side in size)
    read_vp8(payload, offset)


def read_vp8(payload: bytes, offset: int) -> None:
    buffer = bytearray(offset) + payload
    descriptor = vp8.parse(buffer, offset, len(payload))
    if descriptor is None:
        return
    assert 0 < descriptor.length < len(payload)
    size = vp8.dimensions(buffer, offset, len(payload), descriptor)
    assert size is None or (descriptor.keyframe and all(0 < side < 1 << 14 for side in size))
    patched = bytearray(buffer) + GUARD
    rewriter = vp8.Vp8Rewriter()
    for _ in range(3):
        rewriter.patch(patched, offset, descriptor)
        rewriter.rebind()
    assert patched[offset + descriptor.length :] == buffer[offset + descriptor.length :] + GUARD
    again = vp8.parse(patched, offset, len(payload))
    assert again is not None
    assert again[:3] == descriptor[:3] and again.keyframe == descriptor.keyframe


TARGET = Target(
    "codecs",
    run,
    packages=(
        "mediaserver.media.core.codecs.vp8",
        "mediaserver.media.core.codecs.h264",
        "mediaserver.media.core.codecs.opus",
    ),
    max_length=1500,
)
