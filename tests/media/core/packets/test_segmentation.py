from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.packets.segmentation import split_runs


def test_equal_packets_go_together_and_a_shorter_one_ends_the_run() -> None:
    assert split_runs([]) == []
    assert split_runs([1100]) == [(0, 1)]
    assert split_runs([1100, 1100, 700, 1100, 1200, 1200]) == [(0, 3), (3, 4), (4, 6)]


def test_a_run_is_bounded_in_segments_and_bytes() -> None:
    assert split_runs([100] * 90) == [(0, 40), (40, 80), (80, 90)]
    assert split_runs([1000] * 5, max_bytes=3048, overhead=16) == [(0, 3), (3, 5)]
    assert split_runs([1000] * 5, max_bytes=3047, overhead=16) == [(0, 2), (2, 4), (4, 5)]


@given(st.lists(st.sampled_from([90, 400, 1100, 1200]), max_size=150), st.integers(1, 50), st.integers(0, 20))
def test_every_run_can_be_segmented_and_none_is_lost(lengths: list[int], segments: int, tag: int) -> None:
    runs = split_runs(lengths, segments, 20_000, tag)
    assert [index for start, end in runs for index in range(start, end)] == list(range(len(lengths)))
    for start, end in runs:
        run = lengths[start:end]
        assert set(run[:-1]) <= {run[0]}
        assert run[-1] <= run[0]
        assert len(run) <= segments
        assert sum(run) + tag * len(run) <= 20_000
