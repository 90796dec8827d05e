"""The bounded table of counting windows: what makes room for what, and what it costs. Times are literal."""

from hypothesis import given
from hypothesis import strategies as st

from mediaserver.store.counting_windows import WindowTable


def test_a_window_begins_with_the_first_hit_and_ends_for_all() -> None:
    table = WindowTable(10)
    assert [table.hit("k", 60, 3, now).count for now in (0.0, 30.0, 59.9)] == [1, 2, 3]
    assert table.find("k", 60.0) is None
    assert table.hit("k", 60, 3, 60.0).count == 1


def test_the_fewest_hits_make_room_first_and_refusing_windows_last() -> None:
    table = WindowTable(3)
    for _ in range(5):
        table.hit("often", 60, 100, 0.0)
    table.hit("refusing", 60, 1, 0.0)
    table.hit("once", 60, 100, 0.0)
    table.hit("new", 60, 100, 0.0)
    assert table.find("once", 0.0) is None
    for number in range(50):
        table.hit(f"new{number}", 60, 1, 0.0)
    assert table.find("often", 0.0) is None, "nothing but windows that refuse is left"
    assert len(table) == 3


def test_windows_that_ended_make_room_before_any_other() -> None:
    table = WindowTable(2)
    table.hit("short", 1, 1, 0.0)
    table.hit("long", 60, 9, 0.0)
    table.hit("new", 60, 9, 2.0)
    assert table.find("long", 2.0) and table.find("new", 2.0) and len(table) == 2


def test_ended_windows_do_not_pile_up() -> None:
    table = WindowTable(1000)
    for number in range(500):
        table.hit(f"old{number}", 10, 9, 0.0)
    for number in range(500):
        table.hit(f"new{number}", 10, 9, 20.0)
    assert len(table) == 500


_LENGTHS_S = dict(zip("abcdefgh", [0.5, 1.0, 7.0, 60.0] * 2, strict=True))


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([0.0, 0.3, 5.0])), max_size=200))
def test_it_never_counts_more_than_there_were_nor_holds_more_than_it_may(hits: list[tuple[str, float]]) -> None:
    table, happened, now = WindowTable(3), dict[str, list[float]](), 0.0
    for key, passed_s in hits:
        now += passed_s
        happened.setdefault(key, []).append(now)
        window = table.hit(key, _LENGTHS_S[key], 4, now)
        # A key that was displaced begins a window anew, so windows of equal length may begin at any hit.
        begun_s = window.end_s - _LENGTHS_S[key] - 1e-9
        assert 1 <= window.count <= sum(at_s >= begun_s for at_s in happened[key]) and window.end_s > now
        assert len(table) <= 3
        table.forget("a")
        assert table.find("a", now) is None
