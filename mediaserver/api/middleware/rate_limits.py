"""Requests per minute, and the headers that report them (draft-ietf-httpapi-ratelimit-headers-10).

Reads and writes of a user are counted separately; anonymous requests are counted by address (IPv6: /64). These
limits share capacity and guard no secret, so no request is refused while the counters are unavailable.
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
_TIMEOUT_S = 1.0
_RETRY_AFTER_S = 5.0
"""How long requests are not counted after the counters did not answer."""
_WARNING_INTERVAL_S = 60.0
_HEADERS = web.RequestKey("rate_limit", tuple[str, str])


class RateLimits:
    """Counts requests per minute and refuses those beyond the limits."""

    def __init__(self, counters: Counters, limits: Limits, prefix: str) -> None:
        self._counters, self._prefix = counters, prefix
        self._limits: dict[Name, int] = {
            "reads": limits.reads_per_minute,
            "writes": limits.writes_per_minute,
            "anonymous": limits.anonymous_per_minute,
        }
        self._policies = {name: f'"{name}";q={limit};w={WINDOW_S}' for name, limit in self._limits.items()}
        self._unavailable_until = self._warned_at = float("-inf")

    def install(self, app: web.Application) -> None:
        app[LIMITS] = self
        app.middlewares.append(self._count_unrouted)
        app.on_response_prepare.append(self._mark)

    async def count(self, request: web.Request, who: Actor | None) -> None:
        """Count a request of this user, or of its address. Raises: TooMany."""
        if who is None:
            await self._count(request, "anonymous", client_network(authentication.client_address(request)))
        else:
            await self._count(request, "reads" if request.method in ("GET", "HEAD") else "writes", who.user_id)

    async def _count(self, request: web.Request, name: Name, source: str) -> None:
        limit = self._limits[name]
        if not limit or (verdict := await self._hit(f"rest-{name}:{source}", limit)) is None:
            return
        request[_HEADERS] = (
            self._policies[name],
            f'"{name}";r={verdict.remaining};t={-int(-verdict.reset_s // 1)}',
        )
        if not verdict.allowed:
            counted = "requests" if name == "anonymous" else name
            detail = f"At most {limit} {counted} per minute are allowed. Try again later."
            raise TooMany("too_many", detail, verdict.retry_after_s)

    async def _hit(self, key: str, limit: int) -> Verdict | None:
        """Return None while the counters are unavailable."""
        now = monotonic()
        if now < self._unavailable_until:
            return None
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await self._counters.hit(key, limit, WINDOW_S)
        except (Unavailable, TimeoutError):
            self._unavailable_until = now + _RETRY_AFTER_S
            if now - self._warned_at >= _WARNING_INTERVAL_S:
                self._warned_at = now
                log.warning("the counters are unavailable: requests are not limited")
            return None

    @property
    def _count_unrouted(self) -> Middleware:
        @web.middleware
        async def count_unrouted(request: web.Request, handler: Handler) -> web.StreamResponse:
            """Count requests that match no endpoint: wrong paths and methods."""
            if request.match_info.http_exception is not None and request.path.startswith(self._prefix):
                await self.count(request, None)
            return await handler(request)

        return count_unrouted

    async def _mark(self, request: web.Request, response: web.StreamResponse) -> None:
        headers = request.get(_HEADERS)
        if headers is not None:
            response.headers["RateLimit-Policy"], response.headers["RateLimit"] = headers


LIMITS = web.AppKey("limits", RateLimits)
