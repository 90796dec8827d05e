"""Remembered for a moment: not beyond it, not what changed meanwhile, not more than there is room for."""

import asyncio
import contextlib

import pytest

from mediaserver.usecases.documents.lookup_cache import Ids, Remembered


class Source:
    """What is looked up; `asked` counts how often."""

    def __init__(self, *ids: str) -> None:
        self.ids, self.asked = frozenset(ids), 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def look_up(self) -> Ids:
        self.asked += 1
        found = self.ids
        await self.go_on.wait()
        return found


async def test_it_is_asked_once_until_its_time_is_over_or_it_changes() -> None:
    now = 0.0
    remembered, source = Remembered(100, 30.0, lambda: now), Source("a")
    for _ in range(3):
        assert await remembered.get("k", source.look_up) == {"a"}
    assert source.asked == 1
    remembered.drop("k")
    await remembered.get("k", source.look_up)
    now = 29.0
    await remembered.get("k", source.look_up)
    assert source.asked == 2
    now = 31.0
    await remembered.get("k", source.look_up)
    assert source.asked == 3
    remembered.clear()
    await remembered.get("k", source.look_up)
    assert source.asked == 4


@pytest.mark.parametrize("change", ["drop", "clear"])
async def test_what_changes_while_it_is_looked_up_is_not_remembered(change: str) -> None:
    remembered, source = Remembered(100, 30.0), Source("old")
    source.go_on.clear()
    looking = asyncio.create_task(remembered.get("k", source.look_up))
    await asyncio.sleep(0)
    source.ids = frozenset({"new"})
    if change == "drop":
        remembered.drop("k")
    else:
        remembered.clear()
    source.go_on.set()
    assert await looking == {"old"}
    assert await remembered.get("k", source.look_up) == {"new"}


async def test_the_longest_unused_goes_when_there_is_no_more_room() -> None:
    remembered = Remembered(40, 30.0)
    sources = {key: Source(*(f"{key}{n}" for n in range(10))) for key in "abc"}
    for key in "abacab":
        await remembered.get(key, sources[key].look_up)
    assert {key: source.asked for key, source in sources.items()} == {"a": 1, "b": 2, "c": 1}


async def test_more_than_there_is_room_for_is_answered_all_the_same() -> None:
    remembered, source = Remembered(5, 30.0), Source(*map(str, range(50)))
    for _ in range(2):
        assert len(await remembered.get("k", source.look_up)) == 50
    assert source.asked == 2


async def test_a_failed_look_up_leaves_nothing() -> None:
    remembered = Remembered(100, 30.0)

    async def fail() -> Ids:
        raise OSError

    with contextlib.suppress(OSError):
        await remembered.get("k", fail)
    assert await remembered.get("k", Source("a").look_up) == {"a"}
