"""The file and upload routes alone, or other endpoints, on a real HTTP server over a context."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mediaserver.api.declarations.endpoint import PREFIX, Endpoint
from mediaserver.api.errors import problems
from mediaserver.api.files.file_routes import file_routes
from mediaserver.api.middleware.rate_limits import RateLimits
from mediaserver.api.runtime.authentication import PROXIES, TrustedProxies
from mediaserver.api.runtime.services import SERVICES, Services
from mediaserver.api.uploads.upload_routes import endpoints
from mediaserver.domain.documents.actor import Actor
from mediaserver.store.counters import MemoryCounters
from mediaserver.usecases.context import Context

Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def served(ctx: Context, *more: Endpoint) -> AsyncIterator[Client]:
    app = web.Application(middlewares=[problems])
    app[SERVICES] = Services(ctx, rooms=None)  # type: ignore[arg-type]
    app[PROXIES] = TrustedProxies(())
    RateLimits(MemoryCounters(), ctx.settings.limits, PREFIX).install(app)
    app.router.add_routes(file_routes())
    for endpoint in (*endpoints(), *more):
        app.router.add_route(endpoint.method, endpoint.prefix + endpoint.path, endpoint.__call__)
    async with TestClient(TestServer(app)) as client:
        yield client


def signed_in(ctx: Context, who: Actor) -> dict[str, str]:
    """The header of a request by `who`."""
    token = ctx.tokens.issue(who, ctx.clock())
    ctx.tokens.remember(token, ctx.clock().timestamp() + 900, who, ctx.tokens.revision, ctx.clock())
    return {"Authorization": f"Bearer {token}"}
