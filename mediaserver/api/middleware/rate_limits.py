"""How much anybody may ask in a minute, and the headers that say so (draft-ietf-httpapi-ratelimit-headers-10).

Reads and writes of each person are counted apart; requests without signing in are counted by address (IPv6: /64).
The limits keep others served, they guard no secret: when the counters are away, nobody is refused.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Literal

from aiohttp import web
from aiohttp.typedefs import Middleware

from mediaserver.api.runtime import authentication
from mediaserver.base.errors import TooMany, Unavailable
from mediaserver.base.net.networks import client_network
from mediaserver.base.settings.tree import Limits
from mediaserver.domain.documents.actor import Actor
from mediaserver.store.counters import Counters, Verdict

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Name = Literal["reads", "writes", "anonymous"]

WINDOW_S = 60
_PATIENCE_S = 1.0
_AWAY_S = 5.0
"""So long nobody waits for counters that gave no answer."""
_SAID_S = 60.0
_NOTED = web.RequestKey("rate_limit", tuple[str, str])


class RateLimits:
    def __init__(self, counters: Counters, limits: Limits, prefix: str) -> None:
        self._counters, self._prefix = counters, prefix
        self._limits: dict[Name, int] = {
            "reads": limits.reads_per_minute,
            "writes": limits.writes_per_minute,
            "anonymous": limits.anonymous_per_minute,
        }
        self._policies = {name: f'"{name}";q={limit};w={WINDOW_S}' for name, limit in self._limits.items()}
        self._away_until = self._said_at = float("-inf")

    def install(self, app: web.Application) -> None:
        app[LIMITS] = self
        app.middlewares.append(self._count_lost)
        app.on_response_prepare.append(self._mark)

    async def count(self, request: web.Request, who: Actor | None) -> None:
        """Count one request of this person, or of its address. TooMany."""
        if who is None:
            await self._count(request, "anonymous", client_network(authentication.client_address(request)))
        else:
            await self._count(request, "reads" if request.method in ("GET", "HEAD") else "writes", who.user_id)

    async def _count(self, request: web.Request, name: Name, whose: str) -> None:
        limit = self._limits[name]
        if not limit or (verdict := await self._hit(f"rest-{name}:{whose}", limit)) is None:
            return
        request[_NOTED] = (
            self._policies[name],
            f'"{name}";r={verdict.remaining};t={-int(-verdict.reset_s // 1)}',
        )
        if not verdict.allowed:
            detail = f"at most {limit} {'requests' if name == 'anonymous' else name} a minute; try again later"
            raise TooMany("too_many", detail, verdict.retry_after_s)

    async def _hit(self, key: str, limit: int) -> Verdict | None:
        now = monotonic()
        if now < self._away_until:
            return None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._counters.hit(key, limit, WINDOW_S)
        except (Unavailable, TimeoutError):
            self._away_until = now + _AWAY_S
            if now - self._said_at >= _SAID_S:
                self._said_at = now
                log.warning("the counters are away: requests are not limited")
            return None

    @property
    def _count_lost(self) -> Middleware:
        @web.middleware
        async def count_lost(request: web.Request, handler: Handler) -> web.StreamResponse:
            """Requests that no endpoint gets: wrong paths and methods."""
            if request.match_info.http_exception is not None and request.path.startswith(self._prefix):
                await self.count(request, None)
            return await handler(request)

        return count_lost

    async def _mark(self, request: web.Request, response: web.StreamResponse) -> None:
        noted = request.get(_NOTED)
        if noted is not None:
            response.headers["RateLimit-Policy"], response.headers["RateLimit"] = noted


LIMITS = web.AppKey("limits", RateLimits)
