"""The store goes away and the server dies while a crowd writes.

All that was acknowledged is there, each thing once, and nothing is half written once they are back.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from mediaserver.domain.social.tweets import Tweet
from tests.scenarios import invariants
from tests.scenarios.campus import Campus
from tests.scenarios.crowd import Client, Crowd, all_act, gather
from tests.scenarios.impatient import TAKEN_OVER_S
from tests.scenarios.square import Square

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

SEED = 3
PEOPLE = 20


@pytest_asyncio.fixture(loop_scope="session")
async def campus(tmp_path: Path) -> AsyncIterator[Campus]:
    async with Campus.open(tmp_path / "data", module="tests.scenarios.impatient") as campus:
        yield campus


@pytest_asyncio.fixture(loop_scope="session")
async def square(campus: Campus) -> AsyncIterator[Square]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        crowd = await Crowd.at(http, campus.server.url)
        people: list[Client] = await gather(crowd, PEOPLE, SEED)
        square = Square(people, await campus.admin(crowd))
        await square.open()
        crowd.patient = True
        yield square


@contextlib.asynccontextmanager
async def storm(square: Square) -> AsyncIterator[None]:
    """Everybody acts, within the block and a little longer."""
    over = asyncio.Event()
    running = asyncio.create_task(all_act([(person, square.acts) for person in square.people], 5, over.is_set))
    try:
        yield
    finally:
        over.set()
        await running


async def all_is_whole(campus: Campus, square: Square) -> None:
    everything = await invariants.check(
        campus.uri, campus.database, interrupted=True, within_s=2 * TAKEN_OVER_S + 10, expect=(Tweet,)
    )
    stored = everything.of(Tweet)
    texts = Counter(tweet.content.text for tweet in stored.values())
    assert [text for text, times in texts.items() if times > 1] == [], "each was posted once"
    lost = [text for text, id in square.said.items() if id not in stored and id not in square.deleted]
    assert lost == [], "what was acknowledged is there"
    await square.counts_agree()


async def test_the_documents_die_again_and_again(campus: Campus, square: Square) -> None:
    async with storm(square):
        for _ in range(3):
            await asyncio.sleep(1.5)  # something to interrupt
            await campus.lose_documents()
    assert sum(square.admin.crowd.waits.values()), "the storm noticed nothing"
    await all_is_whole(campus, square)


async def test_the_documents_hang(campus: Campus, square: Square) -> None:
    crowd = square.admin.crowd
    async with storm(square):
        await asyncio.sleep(1)  # something to interrupt
        async with campus.frozen_documents():
            for _ in range(200):
                if any(why.startswith("503") for why in crowd.waits):
                    break
                await asyncio.sleep(0.1)
    assert any(why.startswith("503") for why in crowd.waits), crowd.waits
    await all_is_whole(campus, square)


async def test_the_server_dies(campus: Campus, square: Square) -> None:
    async with storm(square):
        for _ in range(2):
            await asyncio.sleep(2)  # something to interrupt
            await campus.server.kill()
            await campus.server.start()
    assert sum(square.admin.crowd.waits.values()), "the storm noticed nothing"
    await all_is_whole(campus, square)
