"""One route as a declaration: what it takes and answers; the shell around its handler is the same for all.

Requests are checked in one order: identity (401), query and body (422), then by the handler (403, 404, 409).
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel

from mediaserver.api.declarations import bodies, etags, idempotency
from mediaserver.api.declarations.etags import IfMatch
from mediaserver.api.middleware.rate_limits import LIMITS
from mediaserver.api.runtime import authentication
from mediaserver.api.runtime.services import SERVICES, Services
from mediaserver.base.errors import BadRequest, NotFound, PreconditionFailed, Unauthenticated
from mediaserver.base.ids import ID_PATTERN
from mediaserver.domain.documents.actor import Actor
from mediaserver.http.connection import signed_in
from mediaserver.usecases.accounts.email_verification import require_verified
from mediaserver.usecases.context import Context

PREFIX = "/api/v1"
_IDS = re.compile(r"{(id|\w+Id)}")
_ID = ID_PATTERN.strip("^$")


@dataclass(slots=True)
class Call:
    """One request, parsed."""

    services: Services
    request: web.Request
    address: str
    """Of the client, behind trusted proxies."""
    query: Any = None
    """An instance of the endpoint's `query`."""
    body: Any = None
    """An instance of the endpoint's `body`; for a `patch`, the patch itself as a dict."""
    who: Actor | None = None
    if_match: IfMatch | None = None
    """What the document to be changed must be, where the endpoint is `conditional`."""

    @property
    def context(self) -> Context:
        return self.services.context

    @property
    def actor(self) -> Actor:
        assert self.who is not None, "a public endpoint has no actor"
        return self.who

    def id(self, name: str = "id") -> str:
        """A path parameter that names a document; NotFound when it cannot be an id."""
        return bodies.checked_id(self.request.match_info[name])


@dataclass(frozen=True, slots=True)
class Answer:
    data: Any = None
    """JSON types; None answers without a body."""
    location: str | None = None
    """Path under the prefix of what was created."""
    status: int | None = None
    """Other than the endpoint's own."""
    revision: int | None = None
    """Of the document that is answered, where it can be edited: the answer's `ETag` begins with it."""


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
"""What an account may do before its address is confirmed, beside reading: what concerns the account alone."""

Handler = Callable[[Call], Awaitable[Answer | web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`path` is under the prefix, with `{name}` for parameters. `answer` documents the shape of a good answer.

    The docstring of the handler is the description of the operation, for those who call it.
    """

    method: str
    path: str
    summary: str
    handler: Handler
    tag: str
    status: int = 200
    name: str = ""
    """The `operationId`, where method and path do not make a good one."""
    description: str = ""
    """In place of the handler's docstring."""
    query: type[BaseModel] | None = None
    checked_query: bool = True
    """False: the handler judges the query itself; `query` only describes it."""
    body: type[BaseModel] | None = None
    body_required: bool = True
    """False: no body at all is as good as an empty object."""
    patch: type[BaseModel] | None = None
    """The body is a JSON Merge Patch (RFC 7396) of this shape; the handler applies and validates it."""
    answer: type[BaseModel] | None = None
    also: Sequence[int] = ()
    """Other statuses with an answer of the same shape."""
    bodiless: Sequence[int] = ()
    """Statuses that are no error and have no body: redirects, what has not changed."""
    listed: bool = False
    """The answer is a page of `answer`."""
    conditional: bool = False
    """The handler of a PATCH, PUT or DELETE judges `call.if_match`; elsewhere `If-Match` is refused."""
    revised: bool = False
    """The answer is of a document that can be edited: its `ETag` says which revision that is."""
    recover: Callable[[Call, str], Awaitable[Answer]] | None = None
    """Of a POST that creates: the answer about the document with this id, which an attempt created that was then
    cut off; NotFound when there is none."""
    public: bool = False
    """Works without signing in."""
    errors: Sequence[int] = ()
    """Statuses beyond those that follow from the rest."""
    max_body_bytes: int = bodies.LARGEST_BODY
    """Of a `body` or `patch`. A body that the handler reads by itself has the handler's own limits."""
    consumes: str | None = None
    """Media type of a body that the handler reads by itself."""
    produces: str = "application/json"
    prefix: str = PREFIX

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        call = Call(services, request, authentication.client_address(request))
        if self.prefix == PREFIX:
            await self._admit(call)
        if self.checked_query and (self.query is not None or self.consumes is None):
            call.query = bodies.parse_query(self.query, request.query)
        if self.body is not None and not (self.body_required or request.can_read_body):
            call.body = self.body()
        elif self.body is not None:
            call.body = await bodies.parse_body(self.body, request, self.max_body_bytes)
        elif self.patch is not None:
            call.body = await bodies.parse_patch(request, self.max_body_bytes)
        if not self._reads and ("If-Match" in request.headers or "If-None-Match" in request.headers):
            call.if_match = self._edit_condition(request)
        if self.method == "POST" and (key := idempotency.key_of(request)) is not None:
            return await idempotency.once(call, self, key)
        return await self.perform(call)

    async def _admit(self, call: Call) -> None:
        """Who it is, and whether they may ask for more. Guesses at tokens are counted by address."""
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
            signed_in(call.request, call.who.user_id, streams=self.consumes is not None)

    async def perform(self, call: Call) -> web.StreamResponse:
        """Carry out a call that was checked."""
        answer = await self.handler(call)
        return answer if isinstance(answer, web.StreamResponse) else self._response(call.request, answer)

    async def recovered(self, call: Call, id: str) -> web.StreamResponse | None:
        """The answer to an earlier attempt that was cut off, if it created the document `id`."""
        if self.recover is None:
            return None
        try:
            return self._response(call.request, await self.recover(call, id))
        except NotFound:
            return None

    @property
    def route(self) -> str:
        """The path with what its ids look like, so that `/tweets/{id}` does not stand for `/tweets/popular`."""
        return _IDS.sub(lambda found: f"{{{found[1]}:{_ID}}}", self.path)

    @property
    def gated(self) -> bool:
        """Whether it is refused while the address of the account is not confirmed."""
        return not (self.public or self._reads or (self.method, self.path) in OPEN_TO_UNVERIFIED)

    @property
    def creates(self) -> bool:
        return self.status == HTTPStatus.CREATED

    @property
    def tagged(self) -> bool:
        """Answers have an `ETag`, and conditions on it are judged."""
        return self._reads and self.prefix == PREFIX and self.produces == "application/json"

    @property
    def _reads(self) -> bool:
        return self.method == "GET"

    def _edit_condition(self, request: web.Request) -> IfMatch | None:
        """A condition that would not be judged must not be ignored (RFC 9110 section 13.1)."""
        if not self.conditional or "If-None-Match" in request.headers:
            raise BadRequest("condition_unsupported", "this call is not made under this condition")
        return etags.if_match(request.headers)

    def _response(self, request: web.Request, answer: Answer) -> web.Response:
        status, headers = answer.status or self.status, dict[str, str]()
        if answer.location:
            headers["Location"] = self.prefix + answer.location
        body = None if answer.data is None else encode(answer.data)
        if self.prefix == PREFIX:
            if body is not None and self._reads:
                return _read(request, body, answer.revision, status)
            headers["Cache-Control"] = "no-store"
            if body is not None and answer.revision is not None:
                headers["ETag"] = etags.entity_tag(body, answer.revision)
        return _json(status, headers, body)


def _read(request: web.Request, body: bytes, revision: int | None, status: int) -> web.Response:
    """The answer to a GET: clients may keep it, and ask each time whether it still holds."""
    tag = etags.entity_tag(body, revision)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    wanted, known = etags.if_match(request.headers), etags.if_none_match(request.headers)
    if wanted and not (wanted.has(tag) or (revision is not None and wanted.fits(revision))):
        raise PreconditionFailed("changed", "this is not what the request expects")
    if known and known.has(tag):
        return web.Response(status=304, headers=headers)
    return _json(status, headers, body)


def _json(status: int, headers: Mapping[str, str], body: bytes | None) -> web.Response:
    content_type = None if body is None else "application/json"
    return web.Response(status=status, headers=headers, body=body, content_type=content_type)


def encode(data: Any) -> bytes:
    return orjson.dumps(data)
