import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.codecs.opus import duration_us, is_dtx


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("78", 20_000),  # hybrid 20 ms, as browsers send
        ("00", 10_000), ("18", 60_000), ("60", 10_000), ("80", 2_500), ("f8", 20_000),
        ("79", 40_000), ("7a", 40_000), ("7b03", 60_000), ("7bc6", 120_000),
        ("", None), ("7b", None), ("7b00", None), ("7b07", None), ("1b03", None),
    ],
)  # fmt: skip
def test_durations(payload: str, expected: int | None) -> None:
    data = b"#" + bytes.fromhex(payload)
    assert duration_us(data, 1, len(data) - 1) == expected


def test_silence_is_a_packet_of_one_or_two_bytes() -> None:
    assert [is_dtx(n) for n in (0, 1, 2, 3)] == [False, True, True, False]


@given(st.binary(max_size=4))
def test_any_bytes_have_a_duration_or_none(data: bytes) -> None:
    duration = duration_us(data, 0, len(data))
    assert duration is None or 2_500 <= duration <= 120_000
