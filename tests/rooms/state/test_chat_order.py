"""Whatever the order in which messages come, they leave by sequence."""

from hypothesis import given
from hypothesis import strategies as st

from mediaserver.rooms.state.chat_order import ChatOrder


@given(st.integers(0, 5), st.permutations(range(1, 12)), st.lists(st.integers(1, 11), max_size=5))
def test_every_message_leaves_once_and_in_order(last: int, coming: list[int], repeated: list[int]) -> None:
    order: ChatOrder[int] = ChatOrder(last)
    left = [out for sequence in [*coming, *repeated] for out in order.take(sequence, sequence)]
    assert left == list(range(last + 1, 12))
    assert not order.hole


def test_a_missing_message_holds_the_later_ones_back() -> None:
    order: ChatOrder[str] = ChatOrder(0)
    assert order.take(2, "b") == [] and order.hole
    assert order.take(1, "a") == ["a", "b"] and not order.hole
