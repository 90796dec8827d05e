"""Behind trusted proxies, limits the requests in progress per client address instead of the connections.

The proxy's own connections carry requests of many clients, so the address that it forwards is counted.
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
    """Return a middleware that answers 429 when `per_network` requests of the same address are in progress."""
    in_progress: Counter[str] = Counter()

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.app[authentication.PROXIES].trusts(request.remote or ""):
            return await handler(request)  # the listener counted its connection
        network = client_network(authentication.client_address(request))
        if in_progress[network] >= per_network:
            detail = (
                f"At most {per_network} requests from one address may be in progress at once. Try again later."
            )
            raise TooMany("too_many_requests", detail, 1.0)
        in_progress[network] += 1
        try:
            return await handler(request)
        finally:
            in_progress[network] -= 1
            if not in_progress[network]:
                del in_progress[network]

    return limit
