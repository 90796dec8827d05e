import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.packets.demux import Kind, classify


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (0, 1, Kind.STUN), (3, 0, Kind.STUN), (4, 0, Kind.UNKNOWN), (19, 0, Kind.UNKNOWN),
        (20, 0, Kind.DTLS), (63, 0, Kind.DTLS), (64, 0, Kind.UNKNOWN), (127, 0, Kind.UNKNOWN),
        (128, 96, Kind.RTP), (191, 96 + 128, Kind.RTP), (128, 191, Kind.RTP), (128, 192, Kind.RTCP),
        (0x81, 200, Kind.RTCP), (128, 223, Kind.RTCP), (128, 224, Kind.RTP), (192, 200, Kind.UNKNOWN),
    ],
)  # fmt: skip
def test_the_first_bytes_tell(first: int, second: int, kind: Kind) -> None:
    assert classify(bytes((first, second)) + bytes(18), 20) is kind


@pytest.mark.parametrize(
    ("first", "second", "minimum"), [(0, 1, 20), (22, 254, 13), (128, 96, 12), (128, 200, 8)]
)
def test_what_is_too_short_is_unknown(first: int, second: int, minimum: int) -> None:
    data = bytes((first, second)) + bytes(30)
    assert classify(data, minimum) is not Kind.UNKNOWN
    assert classify(data, minimum - 1) is Kind.UNKNOWN


@given(st.binary(max_size=40))
def test_any_datagram_has_a_kind(data: bytes) -> None:
    assert classify(data, len(data)) in Kind
