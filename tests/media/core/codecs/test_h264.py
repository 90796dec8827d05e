import fractions

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.codecs import h264

SPS = bytes.fromhex("6742c01f")
IDR, SLICE, PPS = b"\x65\x88\x84", b"\x41\x9a\x02", b"\x68\xce"


def stap(*units: bytes) -> bytes:
    return b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (IDR, True), (SLICE, False), (PPS, False), (SPS, True), (stap(SPS, PPS), True),
        (stap(PPS, SLICE), False), (stap(PPS, IDR), True), (b"\x7c\x85\x88", True), (b"\x7c\x05\x88", False),
        (b"\x7c\x81\x9a", False), (b"\x7c\x87", True), (b"", False), (b"\x65", False),
        (b"\x78\x00\x09\x65", False),
    ],
)  # fmt: skip
def test_keyframes(payload: bytes, expected: bool) -> None:
    assert h264.is_keyframe(b"#" + payload, 1, len(payload)) is expected


def encoded_sps(width: int, height: int, profile: str) -> bytes:
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = fractions.Fraction(1, 30)
    context.options = {"profile": profile, "preset": "ultrafast", "tune": "zerolatency"}
    data = b"".join(bytes(p) for p in context.encode(av.VideoFrame(width, height, "yuv420p")))
    [sps] = [
        unit for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit[:1] and unit[0] & 31 == 7
    ]
    return sps


@pytest.mark.parametrize("profile", ["baseline", "high"])
@pytest.mark.parametrize(("width", "height"), [(320, 180), (640, 360), (1280, 720), (1920, 1080), (322, 182)])
def test_dimensions_of_what_a_real_encoder_wrote(width: int, height: int, profile: str) -> None:
    sps = encoded_sps(width, height, profile)
    assert h264.dimensions(sps, 0, len(sps)) == (width, height)
    packet = stap(sps, PPS)
    assert h264.dimensions(packet, 0, len(packet)) == (width, height)
    assert h264.dimensions(sps, 0, 5) is None


def test_other_units_have_no_dimensions() -> None:
    assert h264.dimensions(IDR, 0, len(IDR)) is None
    assert h264.dimensions(b"", 0, 0) is None


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda tail: b"\x67\x64" + tail)))
def test_any_bytes_are_survived(data: bytes) -> None:
    assert h264.is_keyframe(data, 0, len(data)) in (True, False)
    size = h264.dimensions(data, 0, len(data))
    assert size is None or min(size) > 0
