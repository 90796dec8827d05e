"""For those who run the server: alive, ready, metrics. Outside the prefix, without signing in."""

import asyncio
import logging

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from mediaserver.api.endpoint import Answer, Call, Endpoint
from mediaserver.api.services import Check
from mediaserver.base.errors import Problem

log = logging.getLogger(__name__)

_CHECK_TIMEOUT_S = 3.0
_TAG = "Operation"


async def _alive(call: Call) -> Answer:
    return Answer({"status": "ok"})


async def _ready(call: Call) -> Answer:
    """503 names the parts that are not fit; why is in the log: anyone may ask this."""
    checks = call.services.readiness
    results = await asyncio.gather(*(_result(name, check) for name, check in checks.items()))
    parts = dict(zip(checks, results, strict=True))
    fit = all(result == "ok" for result in results)
    return Answer({"status": "ok" if fit else "unavailable", "parts": parts}, status=200 if fit else 503)


async def _result(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            await check()
    except Problem as problem:
        log.warning("%s is not ready: %s", name, problem.detail)
    except TimeoutError:
        log.warning("%s is not ready: its check takes longer than %s s", name, _CHECK_TIMEOUT_S)
    except Exception:  # a broken check means not ready, never a broken answer
        log.warning("the readiness check of %s failed", name, exc_info=True)
    else:
        return "ok"
    return "unavailable"


async def _metrics(call: Call) -> web.Response:
    return web.Response(
        body=generate_latest(call.services.metrics), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


ENDPOINTS = [
    Endpoint("GET", "/healthz", "The process runs", _alive, _TAG, public=True, prefix=""),
    Endpoint("GET", "/readyz", "All parts are fit for work", _ready, _TAG, public=True, prefix="", errors=(503,)),
    Endpoint(
        "GET", "/metrics", "Prometheus metrics", _metrics, _TAG, public=True, prefix="", produces="text/plain"
    ),
]
