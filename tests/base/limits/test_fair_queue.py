import asyncio

from mediaserver.base.limits.fair_queue import FairQueue, Turns


def test_one_person_never_holds_all_workers() -> None:
    turns = Turns(at_once=2, at_once_per_owner=1)
    turns.began("eve")
    assert turns.next(["eve", "eve", "bob"], now=0.0) == "bob"
    assert turns.next(["eve"], now=0.0) is None


def test_next_is_who_used_least_lately_not_who_asked_first() -> None:
    turns = Turns(at_once=1, at_once_per_owner=1)
    turns.began("eve")
    turns.ended("eve", took_s=10.0, now=10.0)
    assert turns.next(["eve", "eve", "bob"], now=10.0) == "bob"


def test_use_is_forgotten_by_halves_each_minute() -> None:
    turns = Turns(at_once=1, at_once_per_owner=1)
    turns.began("eve")
    turns.ended("eve", took_s=8.0, now=0.0)
    assert turns.used_s("eve", 120.0) == 2.0


def test_what_is_remembered_is_bounded() -> None:
    turns = Turns(at_once=1, at_once_per_owner=1)
    for number in range(1500):
        turns.began(f"person {number}")
        turns.ended(f"person {number}", took_s=1.0, now=float(number))
    assert turns.used_s("person 0", 1500.0) == 0.0
    assert turns.used_s("person 1499", 1499.0) == 1.0
    assert len(turns._used) == 1000


async def test_somebody_with_one_file_waits_for_one_turn_though_others_queued_twenty() -> None:
    queue, order, go = FairQueue(1, 1), [], asyncio.Event()

    async def work(owner: str) -> None:
        async with queue.turn(owner):
            await go.wait()
            order.append(owner)

    bombs = [asyncio.create_task(work("eve")) for _ in range(20)]
    await asyncio.sleep(0)
    honest = asyncio.create_task(work("bob"))
    await asyncio.sleep(0)
    go.set()
    async with asyncio.timeout(5):
        await asyncio.gather(*bombs, honest)
    assert order.index("bob") == 1


async def test_a_cancelled_wait_costs_no_turn() -> None:
    queue, go = FairQueue(1, 1), asyncio.Event()

    async def work(owner: str) -> None:
        async with queue.turn(owner):
            await go.wait()

    running, waiting, last = (asyncio.create_task(work(owner)) for owner in ("ann", "bob", "cid"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    go.set()
    async with asyncio.timeout(5):
        await asyncio.gather(running, last)
        async with queue.turn("dan"):
            pass


async def test_a_turn_that_comes_while_its_wait_is_cancelled_goes_to_the_next() -> None:
    queue = FairQueue(1, 1)

    async def wait_for(owner: str) -> None:
        async with queue.turn(owner):
            pass

    async with queue.turn("ann"):
        waiting = asyncio.create_task(wait_for("bob"))
        await asyncio.sleep(0)
    waiting.cancel()  # its turn has come, it does not know yet
    await asyncio.wait([waiting])
    async with asyncio.timeout(5), queue.turn("cid"):
        pass
