from hypothesis import given
from hypothesis import strategies as st

from mediaserver.base.limits.token_bucket import TokenBucket


def test_a_full_bucket_allows_its_burst_and_no_more() -> None:
    bucket = TokenBucket(rate_per_s=5, burst=20, now=0)
    assert [bucket.take(1, 0) for _ in range(21)] == [True] * 20 + [False]


def test_an_empty_bucket_refills_at_its_rate_up_to_the_burst() -> None:
    bucket = TokenBucket(rate_per_s=5, burst=20, now=0)
    assert bucket.take(20, 0)
    assert not bucket.take(1, 0.1)
    assert bucket.take(1, 0.25)
    assert bucket.level(100) == 20
    assert bucket.is_full(100)


def test_a_debt_delays_what_comes_next() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=10, now=0)
    bucket.charge(30, 0)
    assert bucket.level(0) == -20
    assert not bucket.take(1, 2.0)
    assert bucket.take(1, 2.1)


def test_the_wait_is_known_in_advance() -> None:
    bucket = TokenBucket(rate_per_s=2, burst=4, now=0)
    assert bucket.wait_s(4, 0) == 0
    assert bucket.take(4, 0)
    assert bucket.wait_s(1, 0) == 0.5
    assert bucket.wait_s(5, 0) == float("inf")


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(rate_per_s=1, burst=1, now=10)
    assert bucket.take(1, 10)
    assert not bucket.take(1, 5)
    assert not bucket.take(1, 10.5)
    assert bucket.take(1, 11)


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 30)), max_size=60))
def test_the_total_never_exceeds_burst_plus_rate_times_time(steps: list[tuple[float, float]]) -> None:
    bucket, now, taken = TokenBucket(rate_per_s=3, burst=10, now=0), 0.0, 0.0
    for elapsed_s, amount in steps:
        now += elapsed_s
        if bucket.take(amount, now):
            taken += amount
    assert taken <= 10 + 3 * now + 1e-6
