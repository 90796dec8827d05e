"""Two nodes on one database: what is done on one holds on the other at once, though it remembers tokens."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from mediaserver.base.errors import Unauthenticated
from mediaserver.domain.social.tweets import Content
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import BusInterrupted, Event
from mediaserver.usecases.social import blocks, feed, follows, tweets
from tests.store.redis_server import RedisServer, redis_server
from tests.usecases.nodes import joined
from tests.usecases.world import World

__all__ = ["redis_server"]


@pytest.fixture
async def nodes(world: World, redis_server: RedisServer) -> AsyncIterator[tuple[Context, Context]]:
    async with joined(world.ctx, redis_server.url) as a, joined(world.ctx, redis_server.url) as b:
        yield a, b


async def _refused_s(ctx: Context, token: str) -> float:
    """How long it takes until the token is refused."""
    began = time.monotonic()
    async with asyncio.timeout(5):
        while True:
            try:
                await identity.authenticate(ctx, token)
            except Unauthenticated:
                return time.monotonic() - began
            await asyncio.sleep(0.005)


async def test_a_login_that_ends_on_one_node_is_over_on_the_other(
    nodes: tuple[Context, Context], world: World
) -> None:
    a, b = nodes
    await world.person("ada")
    signed = await identity.login(a, "ada", "correct horse", "192.0.2.1")
    assert (await identity.authenticate(b, signed.access_token)).username == "ada"
    assert b.tokens.recall(signed.access_token, b.clock()), "b answers from memory now"
    await identity.logout(a, signed.refresh_token)
    assert await _refused_s(b, signed.access_token) < 1


async def test_who_is_deactivated_on_one_node_is_out_on_the_other(
    nodes: tuple[Context, Context], world: World
) -> None:
    a, b = nodes
    token, actor = await world.token("ada"), await world.ctx.users.find_one({"username": "ada"})
    assert actor is not None
    await identity.authenticate(b, token)
    await identity.set_active(a, actor.id, False)
    assert await _refused_s(b, token) < 1


async def test_a_new_role_holds_on_the_other_node(nodes: tuple[Context, Context], world: World) -> None:
    a, b = nodes
    token = await world.token("ada")
    actor = await identity.authenticate(b, token)
    await identity.set_role(a, actor.user_id, "instructor")
    async with asyncio.timeout(1):
        while (await identity.authenticate(b, token)).role != "instructor":
            await asyncio.sleep(0.005)


async def test_after_an_outage_nothing_of_before_is_believed(
    nodes: tuple[Context, Context], world: World, redis_server: RedisServer
) -> None:
    _, b = nodes
    token, heard = await world.token("ada"), list[Event]()
    await identity.authenticate(b, token)
    heard_of = asyncio.Event()
    b.events.subscribe(BusInterrupted, heard.append)
    b.events.subscribe(BusInterrupted, lambda event: heard_of.set())
    assert b.tokens.recall(token, b.clock())
    await redis_server.stop()
    await redis_server.start()
    await asyncio.wait_for(heard_of.wait(), 10)
    assert b.tokens.recall(token, b.clock()) is None


async def test_a_follow_and_a_block_on_one_node_show_in_the_feed_of_the_other(
    nodes: tuple[Context, Context], world: World
) -> None:
    a, b = nodes
    ada, eve = await world.person("ada"), await world.person("eve")
    await tweets.post(a, eve, {"content": Content(text="here")})

    async def feed_on_b_has(n: int) -> None:
        async with asyncio.timeout(5):
            while len((await feed.page(b, ada, 10, None)).items) != n:
                await asyncio.sleep(0.005)

    await feed_on_b_has(0)
    await follows.follow(a, ada, {"following_user_id": eve.user_id})
    await feed_on_b_has(1)
    await blocks.block(a, eve, {"blocked_user_id": ada.user_id})
    await feed_on_b_has(0)
