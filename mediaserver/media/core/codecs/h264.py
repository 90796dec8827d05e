"""What the SFU needs of H.264 payloads (RFC 6184): where keyframes start and how big the picture is.

Bytes that are no H.264 are simply no keyframe.
"""

from collections.abc import Iterator

from mediaserver.media.core.packets.buffers import Readable

_IDR, _SPS, _STAP_A, _FU_A = 5, 7, 24, 28
_HIGH_PROFILES = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))


def is_keyframe(buf: Readable, offset: int, length: int) -> bool:
    """Whether the payload starts a keyframe: an IDR picture or the SPS before it, whole, aggregated or cut."""
    return any(keyframe_units(buf, offset, length))


def keyframe_units(buf: Readable, offset: int, length: int) -> tuple[bool, bool]:
    """Whether an SPS and whether (a slice of) an IDR picture starts in the payload, whole, aggregated or cut."""
    if length < 2:
        return False, False
    if buf[offset] & 31 == _FU_A:
        fragment = buf[offset + 1]
        kinds = {fragment & 31} if fragment & 0x80 else set()
    else:
        kinds = {buf[start] & 31 for start, _ in _units(buf, offset, length)}
    return _SPS in kinds, _IDR in kinds


def dimensions(buf: Readable, offset: int, length: int) -> tuple[int, int] | None:
    """(width, height) where the payload has an SPS, None otherwise."""
    if length < 2:
        return None
    for start, end in _units(buf, offset, length):
        if buf[start] & 31 == _SPS:
            try:
                return _sps_dimensions(bytes(buf[start + 1 : end]))
            except _EndOfBits:
                return None
    return None


def _units(buf: Readable, offset: int, length: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each NAL unit of a single-unit or STAP-A payload (RFC 6184 sections 5.6, 5.7.1)."""
    end = offset + length
    if buf[offset] & 31 != _STAP_A:
        yield offset, end
        return
    position = offset + 1
    while position + 2 < end:
        size = buf[position] << 8 | buf[position + 1]
        position += 2
        if not size or position + size > end:
            return
        yield position, position + size
        position += size


class _EndOfBits(Exception):
    """The parameter set is cut short."""


class _Bits:
    """Reads bits and Exp-Golomb codes (ITU-T H.264 section 9.1) after removing emulation prevention bytes."""

    def __init__(self, data: bytes) -> None:
        data = data.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise _EndOfBits
        self._left -= count
        return self._value >> self._left & (1 << count) - 1

    def unsigned(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise _EndOfBits
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def _sps_dimensions(data: bytes) -> tuple[int, int] | None:
    """ITU-T H.264 section 7.3.2.1.1, up to the cropping rectangle."""
    bits = _Bits(data[:256])
    profile = bits.take(8)
    bits.take(16)
    bits.unsigned()
    chroma = _skip_high_profile(bits) if profile in _HIGH_PROFILES else 1
    bits.unsigned()  # log2_max_frame_num_minus4
    _skip_picture_order(bits)
    bits.unsigned()  # max_num_ref_frames
    bits.take(1)
    width = (bits.unsigned() + 1) * 16
    map_height = (bits.unsigned() + 1) * 16
    frames_only = bits.take(1)
    if not frames_only:
        bits.take(1)
    bits.take(1)  # direct_8x8_inference_flag
    height = map_height * (2 - frames_only)
    if bits.take(1):
        unit_x, unit_y = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1) * (2 - frames_only)
        width -= (bits.unsigned() + bits.unsigned()) * unit_x
        height -= (bits.unsigned() + bits.unsigned()) * unit_y
    return (width, height) if 0 < width <= 16384 and 0 < height <= 16384 else None


def _skip_picture_order(bits: _Bits) -> None:
    kind = bits.unsigned()
    if kind == 0:
        bits.unsigned()
    elif kind == 1:
        bits.take(1)
        for _ in range(2):
            bits.signed()
        for _ in range(min(bits.unsigned(), 255)):
            bits.signed()


def _skip_high_profile(bits: _Bits) -> int:
    chroma = bits.unsigned()
    if chroma == 3:
        bits.take(1)
    bits.unsigned()
    bits.unsigned()
    bits.take(1)
    if bits.take(1):
        for index in range(8 if chroma != 3 else 12):
            if bits.take(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last
