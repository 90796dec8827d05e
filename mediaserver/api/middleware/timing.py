"""Measures request durations for `/metrics`, by method, route and status.

The label is the route, never the path: every id would otherwise become a time series of its own.
"""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry, Histogram

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


def timing(registry: CollectorRegistry) -> Middleware:
    """Return a middleware that records request durations in `registry`."""
    seconds = Histogram(
        "mediaserver_http_request_seconds",
        "Time from a request's head to the end of its answer",
        ("method", "route", "status"),
        buckets=_BUCKETS,
        registry=registry,
    )

    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        begin, status = time.perf_counter(), 500
        try:
            response = await handler(request)
            status = response.status
        finally:
            resource = request.match_info.route.resource
            route = resource.canonical if resource is not None else "none"
            method = request.method if request.method in _METHODS else "other"
            seconds.labels(method, route, str(status)).observe(time.perf_counter() - begin)
        return response

    return measure


_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
