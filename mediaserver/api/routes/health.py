"""For those who run the server: alive, ready, metrics. Outside the prefix, without signing in."""

from time import monotonic
from typing import Literal

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field

from mediaserver.api.bodies import Body
from mediaserver.api.endpoint import Answer, Call, Endpoint

_TAG = "Operation"
_Fitness = Literal["ok", "unavailable"]


class AliveView(Body):
    status: Literal["ok"]


class ReadyView(Body):
    status: _Fitness
    parts: dict[str, _Fitness] = Field(description="Each part by its name.")


async def _alive(call: Call) -> Answer:
    return Answer({"status": "ok"})


async def _ready(call: Call) -> Answer:
    """503 names the parts that are not fit; why is in the log: anyone may ask this."""
    parts = await call.services.readings.take(call.services.readiness, call.context.clock)
    fit = all(result == "ok" for result in parts.values())
    return Answer({"status": "ok" if fit else "unavailable", "parts": parts}, status=200 if fit else 503)


async def _metrics(call: Call) -> web.Response:
    return web.Response(
        body=call.services.scrapes.take(monotonic()), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


ENDPOINTS = [
    Endpoint("GET", "/healthz", "The process runs", _alive, _TAG, answer=AliveView, public=True, prefix=""),
    Endpoint(
        "GET", "/readyz", "All parts are fit for work", _ready, _TAG,
        answer=ReadyView, public=True, prefix="", also=(503,),
    ),
    Endpoint(
        "GET", "/metrics", "Prometheus metrics", _metrics, _TAG, public=True, prefix="", produces="text/plain"
    ),
]  # fmt: skip
