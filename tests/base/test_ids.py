import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from mediaserver.base import ids
from mediaserver.base.ids import ID_PATTERN, new_id


def test_ids_are_ulids_in_the_order_in_which_they_were_made() -> None:
    made = [new_id() for _ in range(1000)]
    assert made == sorted(set(made))
    assert all(re.match(ID_PATTERN, one) for one in made)


def test_they_go_on_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id()
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_700_000_000_000_000_000)
    after = [new_id() for _ in range(10)]
    assert [before, *after] == sorted({before, *after})
    assert after[0][:10] == before[:10], "it stays at the latest millisecond that it knows"


def test_threads_never_make_the_same() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id(), range(2000)))
    assert len(set(made)) == 2000
