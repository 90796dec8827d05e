"""One route as a declaration: what it takes and answers; the shell around its handler is the same for all.

Requests are checked in one order: identity (401), query and body (422), then by the handler (403, 404, 409).
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from mediaserver.api import auth, bodies
from mediaserver.api.services import SERVICES, Services
from mediaserver.domain.actor import Actor
from mediaserver.usecases.context import Context

PREFIX = "/api/v1"


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


Handler = Callable[[Call], Awaitable[Answer | web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`path` is under the prefix, with `{name}` for parameters. `answer` documents the shape of a good answer."""

    method: str
    path: str
    summary: str
    handler: Handler
    tag: str
    status: int = 200
    query: type[BaseModel] | None = None
    checked_query: bool = True
    """False: the handler judges the query itself; `query` only describes it."""
    body: type[BaseModel] | None = None
    patch: type[BaseModel] | None = None
    """The body is a JSON Merge Patch (RFC 7396) of this shape; the handler applies and validates it."""
    answer: type[BaseModel] | None = None
    listed: bool = False
    """The answer is a page of `answer`."""
    public: bool = False
    """Works without signing in."""
    errors: Sequence[int] = ()
    """Statuses beyond those that follow from the rest."""
    consumes: str | None = None
    """Media type of a body that the handler reads by itself."""
    produces: str = "application/json"
    prefix: str = PREFIX

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        call = Call(services, request, auth.client_address(request))
        if not self.public:
            call.who = await auth.actor_of(request)
        if self.checked_query and (self.query is not None or self.consumes is None):
            call.query = bodies.parse_query(self.query, request.query)
        if self.body is not None:
            call.body = await bodies.parse_body(self.body, request)
        elif self.patch is not None:
            call.body = await bodies.parse_patch(request)
        answer = await self.handler(call)
        return answer if isinstance(answer, web.StreamResponse) else self._response(answer)

    def _response(self, answer: Answer) -> web.Response:
        status = answer.status or self.status
        headers = {"Location": self.prefix + answer.location} if answer.location else None
        if answer.data is None:
            return web.Response(status=status, headers=headers)
        return web.Response(
            status=status, headers=headers, body=encode(answer.data), content_type="application/json"
        )


def encode(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
