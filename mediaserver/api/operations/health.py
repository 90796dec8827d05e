"""Liveness, readiness and metrics for operators, outside the API's prefix and without sign-in.

`MonitoringAccess` decides who may read more than whether the process runs.
"""

from time import monotonic
from typing import Literal

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Returns
from mediaserver.api.operations.monitoring import MonitoringAccess

ACCESS = web.AppKey("monitoring access", MonitoringAccess)

_TAG = "Operation"
_Readiness = Literal["ok", "unavailable"]


class AliveView(Body):
    status: Literal["ok"]


class ReadyView(Body):
    status: _Readiness
    parts: dict[str, _Readiness] = Field(description="Readiness of each part by its name.")


async def _alive(call: Call) -> Answer:
    """Return 200 while the process runs. For liveness probes of a process supervisor."""
    return Answer({"status": "ok"})


async def _ready(call: Call) -> Answer:
    """Return 200 when every part of the server is ready, otherwise 503 with the parts that are not. The log says
    why. Only for operators; 404 for others.
    """
    call.request.app[ACCESS].require(call.request)
    parts = await call.services.readings.take(call.services.readiness, call.context.clock)
    ready = all(result == "ok" for result in parts.values())
    return Answer({"status": "ok" if ready else "unavailable", "parts": parts}, status=200 if ready else 503)


async def _metrics(call: Call) -> web.Response:
    """Return the metrics of the server in the text format of Prometheus. Only for operators; 404 for others."""
    call.request.app[ACCESS].require(call.request)
    return web.Response(
        body=call.services.scrapes.take(monotonic()), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


ENDPOINTS = [
    Endpoint(
        "GET",
        "/healthz",
        "Check that the process runs",
        _alive,
        _TAG,
        returns=Returns(model=AliveView),
        name="getHealth",
        public=True,
        prefix="",
    ),
    Endpoint(
        "GET",
        "/readyz",
        "Check that the server can work",
        _ready,
        _TAG,
        returns=Returns(model=ReadyView, other_statuses=(503,), errors=(404,)),
        name="getReadiness",
        public=True,
        prefix="",
    ),
    Endpoint(
        "GET",
        "/metrics",
        "Read the Prometheus metrics",
        _metrics,
        _TAG,
        returns=Returns(produces="text/plain", errors=(404,)),
        public=True,
        prefix="",
    ),
]
