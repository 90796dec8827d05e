"""Two servers over the same documents, joined by a real Redis. Tests that use `nodes` override `overrides`."""

from collections.abc import AsyncIterator

import pytest

from mediaserver.usecases.context import Context
from tests.rooms.fakes import FakeWorkers
from tests.signalling.conftest import Live, Someone, serving
from tests.store.redis_server import RedisServer
from tests.usecases.nodes import fit, joined


@pytest.fixture
async def nodes(ctx: Context, redis_server: RedisServer) -> AsyncIterator[tuple[Live, Live]]:
    async with (
        joined(ctx, redis_server.url) as a,
        joined(ctx, redis_server.url) as b,
        serving(a, FakeWorkers(), ()) as one,
        serving(b, FakeWorkers(), ()) as other,
    ):
        await connected(one, other)
        yield one, other


async def connected(*nodes: Live) -> None:
    for node in nodes:
        await fit(node.signalling.audience.pushes)


async def elsewhere(node: Live, someone: Someone) -> Someone:
    """The same person's client on another node."""
    twin = Someone(someone.name, someone.actor, someone.token, someone.refresh_token, node.url)
    node.people.append(twin)
    return await twin.connect()
