from hypothesis import given
from hypothesis import strategies as st

from mediaserver.http.memory_budget import MemoryBudget


def test_below_the_limit_nobody_drops_anything() -> None:
    budget = MemoryBudget[str](100)
    assert budget.hold("a", "192.0.2.1", 60) == []
    assert budget.hold("b", "192.0.2.2", 40) == []
    assert budget.total == 100


def test_the_owner_that_holds_most_drops_its_largest_first() -> None:
    budget = MemoryBudget[str](100)
    budget.hold("large", "192.0.2.1", 50)
    budget.hold("small", "192.0.2.1", 10)
    budget.hold("honest", "192.0.2.2", 30)
    assert budget.hold("new", "192.0.2.3", 20) == ["large"]
    assert budget.total == 60
    assert budget.dropped == 1


def test_many_small_ones_of_one_owner_go_together() -> None:
    budget = MemoryBudget[int](1000)
    for number in range(95):
        budget.hold(number, "192.0.2.66", 10)
    budget.hold(200, "192.0.2.1", 40)
    dropped = budget.hold(201, "192.0.2.2", 20)
    assert len(dropped) == 26 and all(number < 95 for number in dropped)
    assert budget.total == 750


def test_what_is_released_is_free_again() -> None:
    budget = MemoryBudget[str](100)
    budget.hold("a", "192.0.2.1", 60)
    budget.hold("a", "192.0.2.1", 30)
    assert budget.release("a", "192.0.2.1") == 90
    assert budget.release("a", "192.0.2.1") == 0
    assert budget.total == 0


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 300)), max_size=200))
def test_the_limit_always_holds(acts: list[tuple[int, int]]) -> None:
    budget, held = MemoryBudget[int](1000), dict[int, int]()
    for holder, size in acts:
        held[holder] = held.get(holder, 0) + size
        for dropped in budget.hold(holder, str(holder % 3), size):
            del held[dropped]
        assert budget.total == sum(held.values()) <= 1000
