"""Several nodes over the same documents, joined by a real Redis."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

from mediaserver.base.errors import Unavailable
from mediaserver.store.bus import RedisBus
from mediaserver.usecases.context import Context
from mediaserver.usecases.event_relay import Relay
from mediaserver.usecases.events import Events
from mediaserver.usecases.login.tokens import AccessTokens
from mediaserver.usecases.social.relationships import RelationshipCache


@contextlib.asynccontextmanager
async def joined(ctx: Context, redis_url: str) -> AsyncIterator[Context]:
    """A node over the same documents, with memory and events of its own."""
    events, tokens = Events(), AccessTokens(ctx.secrets.jwt_key, ctx.settings.auth.access_ttl_s)
    tokens.heed(events)
    relay = Relay(events)
    bus = RedisBus(redis_url, "test:events", relay.received, relay.interrupted)
    relay.connect(bus.send)
    running = asyncio.create_task(bus.run())
    await fit(bus)
    yield dataclasses.replace(
        ctx, events=events, tokens=tokens, relationships=RelationshipCache(ctx.repositories, events)
    )
    running.cancel()
    await asyncio.wait([running])


async def fit(part: Any) -> None:
    """Wait until its `check` finds nothing."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(Unavailable):
                return await part.check()  # type: ignore[no-any-return]
            await asyncio.sleep(0.01)
