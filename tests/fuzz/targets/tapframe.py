"""Batches of tapped media between a media worker and the recording process."""

import contextlib

from mediaserver.media.tapping import framing
from tests.fuzz.target import Target


def run(data: bytes) -> None:
    if len(data) >= 4:
        with contextlib.suppress(framing.Malformed):
            assert framing.batch_length(data[:4]) <= framing.MAX_BATCH
    records = list(framing.split(data))
    encoded = [framing.encode_record(one.tap, one.kind, one.arrival_ns, one.data) for one in records]
    assert b"".join(encoded) == data
    assert framing.encode_batch(encoded)[4:] == data


TARGET = Target("tapframe", run, (framing.Malformed,), ("mediaserver.media.tapping.framing",))
