"""Behind trusted proxies the limit of connections from one address becomes one of requests in progress.

The proxy's own connections say nothing about who is behind them; the address that it forwards does.
"""

from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from mediaserver.api.runtime import authentication
from mediaserver.base.errors import TooMany
from mediaserver.base.net.networks import client_network

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def forwarded_limit(per_network: int) -> Middleware:
    """Refuse requests with 429 when `per_network` others from the same forwarded address are in progress."""
    in_progress: Counter[str] = Counter()

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.app[authentication.PROXIES].trusts(request.remote or ""):
            return await handler(request)  # the listener has counted its connection
        network = client_network(authentication.client_address(request))
        if in_progress[network] >= per_network:
            raise TooMany("too_many_requests", f"at most {per_network} requests at once from one address", 1.0)
        in_progress[network] += 1
        try:
            return await handler(request)
        finally:
            in_progress[network] -= 1
            if not in_progress[network]:
                del in_progress[network]

    return limit
