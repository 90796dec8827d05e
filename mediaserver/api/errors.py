"""Turns exceptions into responses: problem details (RFC 9457) that reveal no internals."""

import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from mediaserver.base.errors import (
    BadRequest,
    EncodedBody,
    InProgress,
    NotFound,
    Problem,
    TooLarge,
    TooMany,
    TooSlow,
    Unauthenticated,
    Unavailable,
)
from mediaserver.http.connection import BodyTooSlow

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CONTENT_TYPE = "application/problem+json"


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return the response to a request that failed with `problem`."""
    body = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "errors": [{"loc": error.loc, "msg": error.msg} for error in problem.errors],
    }
    return _response(problem.status, body, {**_headers(problem), **(headers or {})})


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every failure as problem+json. Unexpected ones are logged with an id that the response names."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem_response(problem)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _from_aiohttp(error)
    except BodyTooSlow:
        slow = TooSlow(
            "too_slow", "The body of the request arrived too slowly. Try again on a better connection."
        )
        response = problem_response(slow)
        response.force_close()
        return response
    except HttpProcessingError:
        # A line of a multipart form or a trailer is too long: an error of the client, which is not logged.
        response = problem_response(BadRequest("malformed", "The body of the request is not valid."))
        response.force_close()
        return response
    except (ConnectionError, TimeoutError) as error:
        # The client disconnected and will not read the response.
        log.info("client disconnected during a request: %r", error)
        return problem_response(Unavailable("cut_off", "The connection was closed during the request."))
    except Exception:
        incident = secrets.token_hex(8)
        log.exception("%s %s failed (incident %s)", request.method, request.path, incident)
        detail = f"Something went wrong on the server. Please report incident {incident}."
        return problem_response(Problem("internal", detail))


def _from_aiohttp(error: web.HTTPException) -> web.Response:
    """Return aiohttp's own errors (unknown path, wrong method, body too large) as problem details."""
    if error.status == HTTPStatus.NOT_FOUND:
        return problem_response(NotFound("not_found", "There is nothing at this address."))
    if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return problem_response(TooLarge("too_large", "The request body is too large."))
    status = HTTPStatus(error.status)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "code": status.name.lower(),
        "detail": status.description or status.phrase,
        "errors": [],
    }
    allow = error.headers.get("Allow")
    return _response(status.value, body, {"Allow": allow} if allow else {})


def _headers(problem: Problem) -> dict[str, str]:
    match problem:
        case Unauthenticated():
            return {"WWW-Authenticate": "Bearer"}
        case EncodedBody():
            return {"Accept-Encoding": "identity"}
        case TooMany() | Unavailable() | InProgress():
            return {"Retry-After": str(max(1, -int(-problem.retry_after_s // 1)))}
        case _:
            return {}


def _response(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
        content_type=CONTENT_TYPE,
        headers=dict(headers),
    )
