"""Cross-origin requests (Fetch standard, CORS protocol) from the origins that `Origins` allows.

Clients authenticate with a bearer token, never with cookies, so credentials are not allowed.
"""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from mediaserver.base.errors import Forbidden
from mediaserver.base.origins import Origins

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_HEADERS = "Authorization, Content-Type, Range, If-Match, If-None-Match, Idempotency-Key"
_EXPOSED = "Location, Retry-After, ETag, Idempotency-Replayed, Content-Range, Accept-Ranges, Content-Disposition"
_CACHED_S = "600"


class Cors:
    """Answers preflight requests and marks responses to allowed origins."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins

    def install(self, app: web.Application) -> None:
        app.middlewares.append(self._preflight)
        app.on_response_prepare.append(self._mark)

    def _allows(self, request: web.Request) -> bool:
        origin = request.headers.get(hdrs.ORIGIN)
        return self._origins.allows(origin, request.remote, request.scheme, request.headers)

    @property
    def _preflight(self) -> Middleware:
        @web.middleware
        async def preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
            wanted = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD)
            if request.method != hdrs.METH_OPTIONS or wanted is None:
                return await handler(request)
            if not self._allows(request):
                raise Forbidden("origin_not_allowed", "This server does not accept requests from this origin.")
            return web.Response(
                status=204,
                headers={
                    hdrs.ACCESS_CONTROL_ALLOW_METHODS: _METHODS,
                    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: _HEADERS,
                    hdrs.ACCESS_CONTROL_MAX_AGE: _CACHED_S,
                },
            )

        return preflight

    async def _mark(self, request: web.Request, response: web.StreamResponse) -> None:
        """Mark every response, including streams and errors. Socket.IO marks its own, by the same rules."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or hdrs.ACCESS_CONTROL_ALLOW_ORIGIN in response.headers or not self._allows(request):
            return
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
