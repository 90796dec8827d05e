"""Turns to hash are shared fairly: between sources, and between known and unknown devices."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.base.errors import Unavailable
from mediaserver.base.limits.round_robin import RoundRobinQueue
from mediaserver.usecases.login.hashing_turns import HashingTurns


def test_sources_are_served_in_turn() -> None:
    queue = RoundRobinQueue[str](10, 10)
    for source, entry in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1")):
        assert queue.push(source, entry) is None
    assert [queue.pop() for _ in range(6)] == ["a1", "b1", "c1", "a2", "a3", None]


def test_a_full_queue_makes_room_where_most_wait() -> None:
    queue = RoundRobinQueue[str](4, 3)
    for n in range(3):
        queue.push("flood", f"f{n}")
    assert queue.push("flood", "f3") == "f3", "each source has a bound"
    queue.push("a", "a1")
    assert queue.push("b", "b1") == "f2", "the newest of the largest makes room"
    assert queue.push("b", "b2") == "b2", "not for somebody who would then hold as many"
    assert queue.remove("b", "b1") and not queue.remove("b", "b1") and not queue.remove("x", "y")
    assert [queue.pop() for _ in range(4)] == ["f0", "a1", "f1", None] and len(queue) == 0


@given(st.lists(st.tuples(st.sampled_from(["push", "pop", "remove"]), st.sampled_from("abcd"))))
def test_nothing_is_lost_but_what_is_handed_back(steps: list[tuple[str, str]]) -> None:
    queue, inside = RoundRobinQueue[int](5, 3), dict[int, str]()
    for number, (step, source) in enumerate(steps):
        if step == "push":
            inside[number] = source
            if (displaced := queue.push(source, number)) is not None:
                del inside[displaced]
        elif step == "pop":
            popped = queue.pop()
            assert (popped is None) == (not inside)
            inside.pop(-1 if popped is None else popped, None)
        else:
            first = next((n for n, s in inside.items() if s == source), -1)
            assert queue.remove(source, first) == (inside.pop(first, None) is not None)
        assert len(queue) == len(inside) <= 5


async def test_a_flood_from_one_address_delays_another_by_one_turn() -> None:
    turns, order = HashingTurns(1, 60), list[str]()

    async def hash(source: str, known: bool = False) -> None:
        async with turns.turn(source, known):
            order.append(source)
            await asyncio.sleep(0)

    flood = [asyncio.create_task(hash("flood")) for _ in range(100)]
    await asyncio.sleep(0)
    await asyncio.gather(hash("honest"), hash("owner", known=True), *flood)
    assert order.index("owner") <= 2 and order.index("honest") <= 4


async def test_known_devices_do_not_keep_unknown_ones_out() -> None:
    turns, order = HashingTurns(1, 60), list[str]()

    async def hash(source: str, known: bool) -> None:
        async with turns.turn(source, known):
            order.append(source)
            await asyncio.sleep(0)

    await asyncio.gather(*(hash(f"k{n}", True) for n in range(50)), *(hash(f"u{n}", False) for n in range(3)))
    assert [one for one in order[:13] if one.startswith("u")] == ["u0", "u1", "u2"]


async def test_who_waits_too_long_is_refused_and_takes_no_turn() -> None:
    turns = HashingTurns(1, 0.01)
    async with turns.turn("a", known=False):
        with pytest.raises(Unavailable) as busy:
            async with turns.turn("b", known=False):
                pass
        assert busy.value.code == "busy" and busy.value.retry_after_s > 0
        assert (turns.refused, turns.waiting) == (1, 0)
    async with turns.turn("b", known=False):
        pass


async def test_who_gives_up_loses_no_turn() -> None:
    turns, began = HashingTurns(1, 60), list[str]()

    async def hash(source: str) -> None:
        async with turns.turn(source, known=False):
            began.append(source)

    async with turns.turn("first", known=False):
        tasks = [asyncio.create_task(hash(f"s{n}")) for n in range(4)]
        await asyncio.sleep(0)
        tasks[0].cancel()
    tasks[1].cancel()  # its turn has come, and it does not know yet
    await asyncio.gather(*tasks, return_exceptions=True)
    assert began == ["s2", "s3"]
    async with turns.turn("last", known=False):
        pass


async def test_too_many_who_wait_are_refused_where_most_wait() -> None:
    turns = HashingTurns(1, 60)

    async def hash(source: str) -> None:
        async with turns.turn(source, known=False):
            pass

    async with turns.turn("first", known=False):
        flood = [asyncio.create_task(hash(f"a{n % 5}")) for n in range(2600)]
        await asyncio.sleep(0)
        honest = asyncio.create_task(hash("honest"))
        await asyncio.sleep(0)
    results = await asyncio.gather(*flood, return_exceptions=True)
    await honest
    assert sum(isinstance(result, Unavailable) for result in results) == 601
