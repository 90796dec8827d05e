from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.codecs import vp8

KEY_HEADER = bytes.fromhex("5002009d012a4001b400")


def read(data: bytes | bytearray) -> vp8.Vp8Descriptor:
    descriptor = vp8.parse(data, 0, len(data))
    assert descriptor is not None
    return descriptor


def packet(picture_id: int, tl0: int, key: int, keyframe: bool = False) -> bytearray:
    head = bytes((0x90, 0xF0, 0x80 | picture_id >> 8, picture_id & 0xFF, tl0, 0x40 | 0x20 | key))
    return bytearray(head + (KEY_HEADER if keyframe else b"\x51\x02"))


def numbers(data: bytes | bytearray) -> tuple[int, int, int]:
    one = read(data)
    return one.picture_id, one.tl0_index, one.key_index


def test_a_descriptor_with_everything() -> None:
    assert read(packet(0x1234, 200, 17, keyframe=True)) == vp8.Vp8Descriptor(
        length=6, start_of_partition=True, partition=0, picture_id=0x1234, picture_id_at=2,
        long_picture_id=True, tl0_index=200, tl0_index_at=4, temporal_id=1, key_index=17, key_index_at=5,
        keyframe=True,
    )  # fmt: skip


def test_a_descriptor_with_nothing() -> None:
    one = read(bytes.fromhex("1000"))
    assert (one.length, one.picture_id_at, one.tl0_index_at, one.temporal_id, one.keyframe) == (1, 0, 0, -1, True)
    assert not read(bytes.fromhex("1001")).keyframe  # an interframe
    assert not read(bytes.fromhex("0000")).keyframe  # not the frame's start
    assert not read(bytes.fromhex("1100")).keyframe  # the second partition


def test_a_short_picture_id() -> None:
    one = read(bytes.fromhex("90804500"))
    assert (one.picture_id, one.long_picture_id, one.length) == (0x45, False, 3)


def test_cut_descriptors_are_none() -> None:
    whole = packet(5, 6, 7)
    for length in range(7):
        assert vp8.parse(whole, 0, length) is None
    assert vp8.parse(whole, 0, 7) is not None


def test_dimensions_of_a_keyframe() -> None:
    data = b"##" + packet(1, 2, 3, keyframe=True)
    descriptor = vp8.parse(data, 2, len(data) - 2)
    assert descriptor is not None
    assert vp8.dimensions(data, 2, len(data) - 2, descriptor) == (320, 180)
    assert vp8.dimensions(data, 2, len(data) - 3, descriptor) is None
    assert vp8.dimensions(packet(1, 2, 3), 0, 8, read(packet(1, 2, 3))) is None


def test_numbers_go_on_over_a_rebinding_and_wrap() -> None:
    rewriter = vp8.Vp8Rewriter()
    out = []
    for picture_id, tl0, key in [(0x7FFE, 254, 30), (0x7FFF, 255, 30), (0x7FFE, 254, 30)]:
        data = packet(picture_id, tl0, key)
        rewriter.patch(data, 0, read(data))
        out.append(numbers(data))
    assert out == [(0x7FFE, 254, 30), (0x7FFF, 255, 30), (0x7FFE, 254, 30)]
    rewriter.rebind()
    out = []
    for picture_id, tl0, key in [(77, 9, 5), (77, 9, 5), (78, 10, 6)]:
        data = packet(picture_id, tl0, key)
        rewriter.patch(data, 0, read(data))
        out.append(numbers(data))
        assert data[5] & 0xE0 == 0x60  # temporal layer and sync bit stay
    assert out == [(0, 0, 31), (0, 0, 31), (1, 1, 0)]


def test_a_short_picture_id_stays_short() -> None:
    rewriter = vp8.Vp8Rewriter()
    for value, expected in [(0x7E, 0x7E), (0x7F, 0x7F)]:
        data = bytearray(bytes((0x90, 0x80, value, 1)))
        rewriter.patch(data, 0, read(data))
        assert data[2] == expected
    rewriter.rebind()
    data = bytearray(b"#" + bytes.fromhex("90803301"))
    descriptor = vp8.parse(data, 1, 4)
    assert descriptor is not None
    rewriter.patch(data, 1, descriptor)
    assert data.hex() == "2390800001"


@given(st.integers(0, 0x7FFF), st.lists(st.tuples(st.integers(0, 0x7FFF), st.integers(1, 30)), min_size=1))
def test_pictures_are_numbered_one_after_another_over_any_rebindings(
    first: int, streams: list[tuple[int, int]]
) -> None:
    rewriter = vp8.Vp8Rewriter()
    out = []
    for start, frames in [(first, 1), *streams]:
        rewriter.rebind()
        for frame in range(frames):
            data = packet(start + frame & 0x7FFF, 0, 0)
            rewriter.patch(data, 0, read(data))
            out.append(read(data).picture_id)
    assert out == [first + n & 0x7FFF for n in range(len(out))]


@given(st.binary(max_size=24))
def test_any_bytes_are_a_descriptor_or_none(data: bytes) -> None:
    descriptor = vp8.parse(data, 0, len(data))
    if descriptor is None:
        return
    assert 1 <= descriptor.length < len(data)
    vp8.dimensions(data, 0, len(data), descriptor)
    patched = bytearray(data)
    vp8.Vp8Rewriter().patch(patched, 0, descriptor)
    assert vp8.parse(patched, 0, len(patched)) == descriptor
