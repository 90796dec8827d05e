"""One request as handlers see it, and what they answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from mediaserver.api.declarations import bodies
from mediaserver.api.declarations.etags import IfMatch
from mediaserver.api.runtime.services import Services
from mediaserver.domain.documents.actor import Actor
from mediaserver.usecases.context import Context


@dataclass(slots=True)
class Call:
    """A parsed request to one endpoint."""

    services: Services
    request: web.Request
    address: str
    """IP address of the client, as trusted proxies report it."""
    query: Any = None
    """The query string as an instance of the endpoint's `accepts.query`."""
    body: Any = None
    """The body as an instance of `accepts.body`; for a merge patch, the patch itself as a dict."""
    who: Actor | None = None
    """The signed-in user; None at public endpoints."""
    if_match: IfMatch | None = None
    """The `If-Match` condition of an edit, at endpoints that are `conditional`."""

    @property
    def context(self) -> Context:
        return self.services.context

    @property
    def actor(self) -> Actor:
        """The signed-in user. Endpoints that are not public always have one."""
        assert self.who is not None, "a public endpoint has no actor"
        return self.who

    def id(self, name: str = "id") -> str:
        """Return a path parameter that names a document. Raises: NotFound when it cannot be an id."""
        return bodies.checked_id(self.request.match_info[name])


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returns when the response is JSON or empty."""

    data: Any = None
    """JSON types; None for a response without a body."""
    location: str | None = None
    """Path, without the prefix, of the document that was created."""
    status: int | None = None
    """A status other than that of the endpoint."""
    revision: int | None = None
    """Revision of the answered document, if it can be edited: the `ETag` begins with it."""


Handler = Callable[[Call], Awaitable[Answer | web.StreamResponse]]
