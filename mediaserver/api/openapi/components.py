"""Components of the OpenAPI document that many operations share: error responses, headers and parameters."""

from http import HTTPStatus
from typing import Any

from mediaserver.api.declarations.etags import CONDITION_PATTERN
from mediaserver.api.declarations.idempotency import HEADER, KEY_PATTERN

Schema = dict[str, Any]

HEADERS: Schema = {
    "ETag": {
        "description": 'Strong tag of the response. For documents that can be edited: `"{revision}.{hash}"`.',
        "schema": {"type": "string", "pattern": '^"[!#-~]*"$'},
        "example": '"3.Yx0cO2VQf9sT1bKq"',
    },
    "Location": {
        "description": "Path of the created document.",
        "required": True,
        "schema": {"type": "string", "pattern": "^/"},
        "example": "/api/v1/video-sessions/01KJ8RZ2M4N6P8Q0S2T4V6W8Y0",
    },
    "Retry-After": {
        "description": "Seconds to wait before trying again (RFC 9110 section 10.2.3).",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "example": 7,
    },
    "RateLimit": {
        "description": "Requests left, `r`, for `t` seconds (draft-ietf-httpapi-ratelimit-headers).",
        "schema": {"type": "string", "pattern": '^"[a-z]+";r=[0-9]+;t=[0-9]+$'},
        "example": '"reads";r=1199;t=60',
    },
    "RateLimit-Policy": {
        "description": "Quota of requests, `q`, per window of `w` seconds.",
        "schema": {"type": "string", "pattern": '^"[a-z]+";q=[0-9]+;w=[0-9]+$'},
        "example": '"reads";q=1200;w=60',
    },
    "Idempotency-Replayed": {
        "description": "The request was executed before; this is the response that it got.",
        "schema": {"type": "string", "const": "true"},
    },
    "WWW-Authenticate": {
        "description": "Authentication scheme (RFC 6750).",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
}

PARAMETERS: Schema = {
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "Tag of the response that the client has: 304 if it is still current.",
        "schema": {"type": "string", "pattern": CONDITION_PATTERN},
        "example": '"3.Yx0cO2VQf9sT1bKq"',
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "Tag of the version that the edit is based on: 412 if the document was changed since.",
        "schema": {"type": "string", "pattern": CONDITION_PATTERN},
        "example": '"3.Yx0cO2VQf9sT1bKq"',
    },
    "IdempotencyKey": {
        "name": HEADER,
        "in": "header",
        "description": "A unique value per request. A request repeated with its key is executed once.",
        "schema": {"type": "string", "pattern": KEY_PATTERN},
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    },
}

_CODES = {
    400: ("malformed", "The request body is not valid JSON.", "The request is malformed."),
    401: ("unauthenticated", "The access token is not valid.", "The access token is missing or not valid."),
    403: ("forbidden", "You may not do this.", "The user may not do this."),
    404: ("not_found", "There is nothing with this id.", "Not found."),
    408: (
        "too_slow",
        "The body of the request arrived too slowly. Try again on a better connection.",
        "The request took too long to send.",
    ),
    409: (
        "busy",
        "This is not possible in the current state.",
        "The request conflicts with the current state; `code` says why.",
    ),
    410: ("expired", "This link has expired.", "It is no longer available."),
    412: (
        "changed",
        "The document was changed in the meantime. Read it again.",
        "The document is not in the version that `If-Match` names.",
    ),
    413: ("too_large", "The request body is too large.", "The request is too large."),
    415: (
        "unsupported_media_type",
        "The request body must be application/json.",
        "The media type is not supported.",
    ),
    416: ("range_not_satisfiable", "The file has 48213 bytes.", "The file does not have this range."),
    422: ("invalid", "Some fields are not valid.", "Some fields are not valid; `errors` names them all."),
    429: ("too_many", "At most 1200 reads per minute are allowed. Try again later.", "Too many requests."),
    500: (
        "internal",
        "Something went wrong on the server. Please report incident 5f1c2d3e4a5b6c7d.",
        "The server failed.",
    ),
    503: (
        "store_unavailable",
        "The document store does not answer. Try again later.",
        "A part of the server is unavailable. Try again later.",
    ),
    507: ("disk_reserve", "The server is short of disk space.", "There is too little disk space for more files."),
}
_HEADERS_OF = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def problem_name(status: int) -> str:
    """Return the name of an error response among the components."""
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def problems(schema: Schema) -> Schema:
    """Return all error responses, as problem details (RFC 9457)."""
    return {problem_name(status): _problem(status, schema) for status in _CODES}


def refer(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _problem(status: int, schema: Schema) -> Schema:
    code, detail, about = _CODES[status]
    faults = [{"loc": "title", "msg": "is required"}] if status == 422 else []
    shown = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": faults,
    }
    headers = refer(*_HEADERS_OF.get(status, ()), "RateLimit", "RateLimit-Policy")
    return {
        "description": about,
        "headers": headers,
        "content": {"application/problem+json": {"schema": schema, "example": shown}},
    }
