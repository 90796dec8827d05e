"""One route as a declaration: what it accepts and returns. The code around its handler is the same for all.

Requests are checked in one order: identity (401), query and body (422), then by the handler (403, 404, 409).
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from mediaserver.api.declarations import bodies, etags, idempotency
from mediaserver.api.declarations.calls import Answer, Call, Handler
from mediaserver.api.declarations.etags import IfMatch
from mediaserver.api.declarations.operation import Accepts, Returns
from mediaserver.api.middleware.rate_limits import LIMITS
from mediaserver.api.runtime import authentication
from mediaserver.api.runtime.services import SERVICES
from mediaserver.base.errors import BadRequest, NotFound, PreconditionFailed, Unauthenticated
from mediaserver.base.ids import ID_PATTERN
from mediaserver.http.connection import signed_in
from mediaserver.usecases.accounts.email_verification import require_verified

PREFIX = "/api/v1"
_IDS = re.compile(r"{(id|\w+Id)}")
_ID = ID_PATTERN.strip("^$")

OPEN_TO_UNVERIFIED = frozenset(
    (
        ("POST", "/auth/logout-all"),
        ("POST", "/auth/password"),
        ("POST", "/auth/email"),
        ("POST", "/auth/email/resend"),
        ("DELETE", "/auth/logins/{id}"),
        ("DELETE", "/auth/devices/{id}"),
        ("DELETE", "/users/{id}"),
    )
)
"""The writes that an account may make before its email address is confirmed: those that affect only itself."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation: a method and a path under `prefix`, with `{name}` for parameters.

    The handler's docstring is the description of the operation in the OpenAPI document.
    """

    method: str
    path: str
    summary: str
    handler: Handler
    tag: str
    accepts: Accepts = field(default_factory=Accepts)
    returns: Returns = field(default_factory=Returns)
    public: bool = False
    """Callable without signing in."""
    recover: Callable[[Call, str], Awaitable[Answer]] | None = None
    """For a POST that creates: answers with the document of this id, which an attempt created before it was cut
    off. Raises NotFound when there is none."""
    name: str = ""
    """The `operationId`, where method and path do not make a good one."""
    description: str = ""
    """Replaces the handler's docstring."""
    prefix: str = PREFIX

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        call = Call(request.app[SERVICES], request, authentication.client_address(request))
        if self.prefix == PREFIX:
            await self._admit(call)
        await self._parse(call)
        if self.method == "POST" and (key := idempotency.key_of(request)) is not None:
            return await idempotency.once(call, self, key)
        return await self.perform(call)

    async def _admit(self, call: Call) -> None:
        """Identify the user and count the request. Requests with wrong tokens count for the client's address."""
        limits = call.request.app[LIMITS]
        try:
            call.who = None if self.public else await authentication.actor_of(call.request)
        except Unauthenticated:
            await limits.count(call.request, None)
            raise
        await limits.count(call.request, call.who)
        if self.gated and call.who is not None:
            require_verified(call.who)
        if call.who is not None:
            signed_in(call.request, call.who.user_id, streams=self.accepts.consumes is not None)

    async def _parse(self, call: Call) -> None:
        """Parse the query, the body and the conditions as declared."""
        request, accepts = call.request, self.accepts
        if accepts.check_query and (accepts.query is not None or accepts.consumes is None):
            call.query = bodies.parse_query(accepts.query, request.query)
        if accepts.body is not None and not (accepts.body_required or request.can_read_body):
            call.body = accepts.body()
        elif accepts.body is not None:
            call.body = await bodies.parse_body(accepts.body, request, accepts.max_body_bytes)
        elif accepts.patch is not None:
            call.body = await bodies.parse_patch(request, accepts.max_body_bytes)
        if not self._reads and ("If-Match" in request.headers or "If-None-Match" in request.headers):
            call.if_match = self._edit_condition(request)

    async def perform(self, call: Call) -> web.StreamResponse:
        """Run the handler of a call that was checked."""
        answer = await self.handler(call)
        return answer if isinstance(answer, web.StreamResponse) else self._response(call.request, answer)

    async def recovered(self, call: Call, id: str) -> web.StreamResponse | None:
        """Return the response to an earlier attempt that was cut off, if that created the document `id`."""
        if self.recover is None:
            return None
        try:
            return self._response(call.request, await self.recover(call, id))
        except NotFound:
            return None

    @property
    def route(self) -> str:
        """The path with the pattern of its ids, so that `/tweets/{id}` does not match `/tweets/popular`."""
        return _IDS.sub(lambda found: f"{{{found[1]}:{_ID}}}", self.path)

    @property
    def gated(self) -> bool:
        """Whether the operation is refused until the account's email address is confirmed."""
        return not (self.public or self._reads or (self.method, self.path) in OPEN_TO_UNVERIFIED)

    @property
    def creates(self) -> bool:
        return self.returns.status == HTTPStatus.CREATED

    @property
    def tagged(self) -> bool:
        """Whether responses have an `ETag` and conditions on it are evaluated."""
        return self._reads and self.prefix == PREFIX and self.returns.produces == "application/json"

    @property
    def _reads(self) -> bool:
        return self.method == "GET"

    def _edit_condition(self, request: web.Request) -> IfMatch | None:
        """Refuse conditions that would not be evaluated: they must not be ignored (RFC 9110 section 13.1)."""
        if not self.accepts.conditional or "If-None-Match" in request.headers:
            raise BadRequest("condition_unsupported", "This operation does not support this condition.")
        return etags.if_match(request.headers)

    def _response(self, request: web.Request, answer: Answer) -> web.Response:
        status, headers = answer.status or self.returns.status, dict[str, str]()
        if answer.location:
            headers["Location"] = self.prefix + answer.location
        body = None if answer.data is None else encode(answer.data)
        if self.prefix == PREFIX:
            if body is not None and self._reads:
                return _read_response(request, body, answer.revision, status)
            headers["Cache-Control"] = "no-store"
            if body is not None and answer.revision is not None:
                headers["ETag"] = etags.entity_tag(body, answer.revision)
        return _json_response(status, headers, body)


def _read_response(request: web.Request, body: bytes, revision: int | None, status: int) -> web.Response:
    """Return the response to a GET. Clients may store it, but revalidate it each time."""
    tag = etags.entity_tag(body, revision)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    wanted, known = etags.if_match(request.headers), etags.if_none_match(request.headers)
    if wanted and not (wanted.has(tag) or (revision is not None and wanted.fits(revision))):
        raise PreconditionFailed("changed", "The document is not in the version that the request names.")
    if known and known.has(tag):
        return web.Response(status=304, headers=headers)
    return _json_response(status, headers, body)


def _json_response(status: int, headers: Mapping[str, str], body: bytes | None) -> web.Response:
    content_type = None if body is None else "application/json"
    return web.Response(status=status, headers=headers, body=body, content_type=content_type)


def encode(data: Any) -> bytes:
    """Return JSON types as compact UTF-8 JSON."""
    return orjson.dumps(data)
