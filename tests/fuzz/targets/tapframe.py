"""Batches of tapped media between a media worker and the recording process."""

import contextlib

from mediaserver.media import tapframe
from tests.fuzz.target import Target


def run(data: bytes) -> None:
    if len(data) >= 4:
        with contextlib.suppress(tapframe.Malformed):
            assert tapframe.batch_length(data[:4]) <= tapframe.MAX_BATCH
    records = list(tapframe.split(data))
    encoded = [tapframe.encode_record(one.tap, one.kind, one.arrival_ns, one.data) for one in records]
    assert b"".join(encoded) == data
    assert tapframe.encode_batch(encoded)[4:] == data


TARGET = Target("tapframe", run, (tapframe.Malformed,), ("mediaserver.media.tapframe",))
