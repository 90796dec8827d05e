"""Requests begin in turns between addresses."""

import asyncio

from mediaserver.api.middleware.request_turns import RequestTurns
from tests.api.conftest import Client


async def test_a_request_that_is_alone_begins_at_once() -> None:
    turns, begun = RequestTurns(per_pass=2), list[str]()

    async def request(source: str) -> None:
        await turns.turn(source)
        begun.append(source)

    for _ in range(3):
        await asyncio.wait_for(request("home"), 1)
    assert begun == ["home"] * 3


async def test_a_flood_lets_others_begin_within_a_pass() -> None:
    turns, begun = RequestTurns(per_pass=2), list[str]()

    async def request(source: str) -> None:
        await turns.turn(source)
        begun.append(source)

    flood = [asyncio.create_task(request("flood")) for _ in range(500)]
    await asyncio.sleep(0)
    assert begun == ["flood"] * 2  # of this pass
    others = [asyncio.create_task(request(f"home-{n}")) for n in range(3)]
    await asyncio.gather(*others)
    assert len(begun) <= 12, "the others came within a few passes"
    await asyncio.gather(*flood)
    assert len(begun) == 503


async def test_a_client_that_has_gone_takes_no_turn() -> None:
    turns, begun = RequestTurns(per_pass=1), list[int]()

    async def request(number: int) -> None:
        await turns.turn("home")
        begun.append(number)

    tasks = [asyncio.create_task(request(n)) for n in range(50)]
    await asyncio.sleep(0)
    for gone in tasks[1:49]:
        gone.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert begun == [0, 49] and not turns._waiting
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not turns._scheduled


async def test_metrics_are_written_once_for_many_who_ask(client: Client) -> None:
    answers = await asyncio.gather(*(client.get("/metrics") for _ in range(50)))
    texts = {await answer.text() for answer in answers}
    assert len(texts) <= 3, "each text tells of the requests before it"
