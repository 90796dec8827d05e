"""Tap framing: what is written is read back, and anything else is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.tapping import framing
from mediaserver.media.tapping.framing import Malformed, Record

records = st.builds(
    Record,
    tap=st.integers(0, 2**32 - 1),
    kind=st.sampled_from([framing.RTP, framing.SENDER_REPORT]),
    arrival_ns=st.integers(0, 2**64 - 1),
    data=st.binary(max_size=1500),
)


@given(st.lists(records, max_size=20))
def test_a_batch_is_read_back_as_it_was_written(written: list[Record]) -> None:
    batch = framing.encode_batch(
        [framing.encode_record(record.tap, record.kind, record.arrival_ns, record.data) for record in written]
    )
    assert framing.batch_length(batch[:4]) == len(batch) - 4
    assert list(framing.split(batch[4:])) == written


def test_an_overflow_mark_carries_its_count() -> None:
    [record] = framing.split(framing.encode_overflow(7, 123, 456))
    assert (record.tap, record.kind, record.arrival_ns) == (7, framing.OVERFLOW, 123)
    assert framing.OVERFLOW_COUNT.unpack(record.data) == (456,)


def test_a_truncated_batch_is_refused() -> None:
    record = framing.encode_record(1, framing.RTP, 2, b"packet")
    for end in range(1, len(record)):
        with pytest.raises(Malformed):
            list(framing.split(record[:end]))


def test_an_unknown_kind_and_an_endless_batch_are_refused() -> None:
    with pytest.raises(Malformed):
        list(framing.split(framing.encode_record(1, 9, 2, b"")))
    with pytest.raises(Malformed):
        list(framing.split(framing.encode_record(1, framing.OVERFLOW, 2, b"\x01")))
    with pytest.raises(Malformed):
        framing.batch_length(b"\xff\xff\xff\xff")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_malformed(batch: bytes) -> None:
    with contextlib.suppress(Malformed):
        list(framing.split(batch))
