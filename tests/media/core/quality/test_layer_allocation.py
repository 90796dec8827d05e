from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.quality.layer_allocation import allocate, next_step_bps, total_bps

CAMERA = (700, 230)


def test_all_get_what_they_ask_for_when_it_fits() -> None:
    assert allocate([CAMERA, CAMERA], 1400, may_pause=True) == [0, 0]


def test_the_least_important_of_equals_is_lowered_first() -> None:
    assert allocate([CAMERA, CAMERA], 1000, may_pause=True) == [0, 1]
    assert allocate([CAMERA, CAMERA], 500, may_pause=True) == [1, 1]


def test_the_largest_is_lowered_before_a_smaller_one() -> None:
    assert allocate([(2000, 700, 230), (300,)], 1000, may_pause=True) == [1, 0]


def test_the_least_important_are_paused_when_the_smallest_layers_do_not_fit() -> None:
    assert allocate([CAMERA, CAMERA, CAMERA], 500, may_pause=True) == [1, 1, None]
    assert allocate([CAMERA], 100, may_pause=True) == [None]
    assert allocate([CAMERA, CAMERA], 100, may_pause=False) == [1, 1]


def test_what_is_left_goes_to_the_most_important() -> None:
    assert allocate([(500, 400), (450, 50)], 560, may_pause=True) == [0, 1]


def test_the_next_step_resumes_a_paused_slot_first() -> None:
    assert next_step_bps([CAMERA, CAMERA], [1, None]) == 460
    assert next_step_bps([CAMERA, (300, 100)], [1, 1]) == 530
    assert next_step_bps([CAMERA], [0]) is None
    assert next_step_bps([], []) is None


SLOTS = st.lists(
    st.lists(st.integers(0, 3000), min_size=1, max_size=3).map(lambda rates: sorted(rates, reverse=True)),
    max_size=6,
)


@given(SLOTS, st.integers(0, 10_000))
def test_the_limit_is_kept_and_nothing_that_fits_is_held_back(slots: list[list[int]], limit: int) -> None:
    chosen = allocate(slots, limit, may_pause=True)
    assert total_bps(slots, chosen) <= limit
    for at, index in enumerate(chosen):
        if index != 0:
            better = [*chosen[:at], len(slots[at]) - 1 if index is None else index - 1, *chosen[at + 1 :]]
            assert total_bps(slots, better) > limit


@given(SLOTS, st.integers(0, 10_000))
def test_the_next_step_is_reached_when_it_is_allowed(slots: list[list[int]], limit: int) -> None:
    chosen = allocate(slots, limit, may_pause=True)
    following = next_step_bps(slots, chosen)
    if following is not None:
        assert total_bps(slots, allocate(slots, following, may_pause=True)) >= total_bps(slots, chosen)
