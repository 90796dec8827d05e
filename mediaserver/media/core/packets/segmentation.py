"""Split one subscriber's packets into runs that the kernel can segment (UDP_SEGMENT).

All packets of a run but the last have the same length; the last may be shorter. Order is kept.
"""

from collections.abc import Sequence

MAX_SEGMENTS = 40
MAX_BYTES = 64_000


def split_runs(
    lengths: Sequence[int], max_segments: int = MAX_SEGMENTS, max_bytes: int = MAX_BYTES, overhead: int = 0
) -> list[tuple[int, int]]:
    """The (start, end) indices of each run; `overhead` is added to each length (the SRTP tag)."""
    runs = []
    start = 0
    size = previous = count = total = 0
    for index, length in enumerate(lengths):
        if count and previous == size and length <= size and count < max_segments:
            total += length + overhead
            if total <= max_bytes:
                count += 1
                previous = length
                continue
        if count:
            runs.append((start, index))
        start, count = index, 1
        size = previous = length
        total = length + overhead
    if count:
        runs.append((start, len(lengths)))
    return runs
