"""Encoded keys sort as MongoDB sorts values."""

from typing import Any

from bson import Int64
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.documentserver.matching.keys import after, encode, invert

NUMBERS = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.integers((1 << 53) - 5, (1 << 53) + 5),
    st.integers(-(1 << 63), (1 << 63) - 1).map(float),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=4), st.binary(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("ab", max_size=2), inner, max_size=2)
    ),
    max_leaves=6,
)


@given(NUMBERS, NUMBERS)
def test_numbers_compare_by_value(a: float, b: float) -> None:
    assert (encode(a) < encode(b)) == (a < b)
    assert (encode(a) == encode(b)) == (a == b)


@given(st.integers(-(1 << 31), (1 << 31) - 1))
def test_the_kind_of_number_does_not_matter(n: int) -> None:
    assert encode(n) == encode(Int64(n)) == encode(float(n))


@given(st.text(max_size=6), st.text(max_size=6))
def test_strings_compare_by_their_bytes(a: str, b: str) -> None:
    assert (encode(a) < encode(b)) == (a.encode() < b.encode())


@given(st.lists(st.integers(0, 3), max_size=4), st.lists(st.integers(0, 3), max_size=4))
def test_arrays_compare_element_by_element(a: list[int], b: list[int]) -> None:
    assert (encode(a) < encode(b)) == (a < b)


@given(VALUES, VALUES)
def test_no_key_begins_another_and_inversion_reverses(a: Any, b: Any) -> None:
    first, second = encode(a), encode(b)
    if first != second:
        assert not first.startswith(second)
        assert (first < second) == (invert(first) > invert(second))
        assert (after(first) <= second) == (first < second)
