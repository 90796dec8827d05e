"""Parts of the OpenAPI description that many operations refer to: refusals, headers, parameters."""

from http import HTTPStatus
from typing import Any

from mediaserver.api.declarations.etags import CONDITION_PATTERN
from mediaserver.api.declarations.idempotency import HEADER, KEY_PATTERN

Schema = dict[str, Any]

HEADERS: Schema = {
    "ETag": {
        "description": 'Strong tag of the answer; of a document that can be edited `"{revision}.{hash}"`.',
        "schema": {"type": "string", "pattern": '^"[!#-~]*"$'},
        "example": '"3.Yx0cO2VQf9sT1bKq"',
    },
    "Location": {
        "description": "Path of what was created.",
        "required": True,
        "schema": {"type": "string", "pattern": "^/"},
        "example": "/api/v1/video-sessions/01KJ8RZ2M4N6P8Q0S2T4V6W8Y0",
    },
    "Retry-After": {
        "description": "Seconds after which trying again is right (RFC 9110 section 10.2.3).",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "example": 7,
    },
    "RateLimit": {
        "description": "What is left, `r`, for `t` seconds (draft-ietf-httpapi-ratelimit-headers).",
        "schema": {"type": "string", "pattern": '^"[a-z]+";r=[0-9]+;t=[0-9]+$'},
        "example": '"reads";r=1199;t=60',
    },
    "RateLimit-Policy": {
        "description": "How much there is, `q`, in `w` seconds.",
        "schema": {"type": "string", "pattern": '^"[a-z]+";q=[0-9]+;w=[0-9]+$'},
        "example": '"reads";q=1200;w=60',
    },
    "Idempotency-Replayed": {
        "description": "The request came before: this is the answer that it got.",
        "schema": {"type": "string", "const": "true"},
    },
    "WWW-Authenticate": {
        "description": "How to sign in (RFC 6750).",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
}

PARAMETERS: Schema = {
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The tag of the answer that the client has: 304 when it still holds.",
        "schema": {"type": "string", "pattern": CONDITION_PATTERN},
        "example": '"3.Yx0cO2VQf9sT1bKq"',
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The tag of what the edit is for: 412 when it was edited meanwhile.",
        "schema": {"type": "string", "pattern": CONDITION_PATTERN},
        "example": '"3.Yx0cO2VQf9sT1bKq"',
    },
    "IdempotencyKey": {
        "name": HEADER,
        "in": "header",
        "description": "A new one for each request: sent again with it, the request is carried out once.",
        "schema": {"type": "string", "pattern": KEY_PATTERN},
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    },
}

_CODES = {
    400: ("malformed", "the body is not valid JSON", "The request cannot be read."),
    401: ("unauthenticated", "the access token is not valid", "No access token, or one that does not hold."),
    403: ("forbidden", "you may not do that", "Not allowed for this person."),
    404: ("not_found", "there is nothing with this id", "There is no such thing."),
    408: ("too_slow", "the body of the request arrived too slowly", "It took too long to send."),
    409: ("busy", "this is not possible as things are", "It collides with what there is; `code` says why."),
    410: ("expired", "this is over", "It was there and is no more."),
    412: ("changed", "somebody changed this meanwhile: read it again", "It is not what `If-Match` names."),
    413: ("too_large", "the body is too large", "Too large."),
    415: ("unsupported_media_type", "the body must be application/json", "Another media type is wanted."),
    416: ("range_not_satisfiable", "the file has 48213 bytes", "There are no such bytes."),
    422: ("invalid", "some fields are not as described", "Wrong; `errors` names every bad field."),
    429: ("too_many", "at most 1200 reads a minute; try again later", "Too many requests."),
    500: ("internal", "something went wrong on our side (incident 5f1c2d3e4a5b6c7d)", "A fault of the server."),
    503: ("store_unavailable", "the document store does not answer", "Something is away; try again later."),
    507: ("disk_reserve", "The server is short of disk space.", "Too little free disk for more files."),
}
_HEADERS_OF = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def problem_name(status: int) -> str:
    """The name of a refusal among the reused responses."""
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def problems(schema: Schema) -> Schema:
    """Every refusal, as RFC 9457 problem details."""
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
