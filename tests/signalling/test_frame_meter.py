"""Frame sizes as a client's bytes pass by, however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.signalling.frame_meter import FrameMeter, MessageTooLarge

TEXT, CONTINUATION, PING, FIN = 0x1, 0x0, 0x9, 0x80


def frame(size: int, opcode: int = TEXT, fin: bool = True, masked: bool = True) -> bytes:
    mask = 0x80 if masked else 0
    if size < 126:
        length = bytes((mask | size,))
    elif size < 1 << 16:
        length = bytes((mask | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((mask | 127,)) + size.to_bytes(8, "big")
    return bytes((opcode | (FIN if fin else 0),)) + length + (b"mask" if masked else b"") + b"x" * size


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 125, 126, 300, 70_000]), st.booleans())),
    st.lists(st.integers(1, 5000), min_size=1),
)
def test_sizes_are_known_however_the_bytes_are_cut(frames: list[tuple[int, bool]], cuts: list[int]) -> None:
    data = b"".join(frame(size, masked=masked) for size, masked in frames)
    meter, seen, position, turn = FrameMeter(100_000), list[int](), 0, 0
    while position < len(data):
        step = cuts[turn % len(cuts)]
        seen += meter.frames(data[position : position + step])
        position, turn = position + step, turn + 1
    assert seen == [size for size, _ in frames]


def test_a_large_message_is_refused_by_its_header_alone() -> None:
    meter = FrameMeter(8192)
    assert list(meter.frames(frame(8192))) == [8192]
    with pytest.raises(MessageTooLarge):
        list(meter.frames(frame(500_000)[:10]))


def test_fragments_count_together_and_control_frames_between_them_do_not() -> None:
    meter = FrameMeter(100)
    list(meter.frames(frame(60, fin=False) + frame(120, PING)))
    with pytest.raises(MessageTooLarge):
        list(meter.frames(frame(41, CONTINUATION)))
    meter = FrameMeter(100)
    list(meter.frames(frame(60, fin=False) + frame(40, CONTINUATION) + frame(100)))


def test_empty_fragments_and_pings_are_frames_too() -> None:
    meter = FrameMeter(100)
    data = frame(0, fin=False) + frame(0, CONTINUATION, fin=False) * 500 + frame(0, PING) * 500
    assert len(list(meter.frames(data))) == 1001


def test_the_limit_can_be_raised_between_frames() -> None:
    meter = FrameMeter(10)
    list(meter.frames(frame(10)))
    meter.limit = 1000
    assert list(meter.frames(frame(500)[:5])) == [500]
    assert list(meter.frames(frame(500)[5:] + frame(3))) == [3]
