"""What an operation accepts and returns: the parts of an endpoint's declaration that describe its messages."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from mediaserver.api.declarations.bodies import LARGEST_BODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepts:
    """The request: query, body and conditions. At most one of `body`, `patch` and `consumes` is set."""

    query: type[BaseModel] | None = None
    check_query: bool = True
    """False when the handler checks the query itself; `query` then only describes it."""
    body: type[BaseModel] | None = None
    """Shape of a JSON body."""
    body_required: bool = True
    """False when a missing body counts as an empty object."""
    patch: type[BaseModel] | None = None
    """Shape of a JSON Merge Patch (RFC 7396), which the handler applies and validates."""
    max_body_bytes: int = LARGEST_BODY
    """Limit of a `body` or `patch`. Handlers that read the body themselves have their own limits."""
    consumes: str | None = None
    """Media type of a body that the handler reads itself."""
    conditional: bool = False
    """The handler of a PATCH, PUT or DELETE evaluates `call.if_match`; elsewhere `If-Match` is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """The responses, apart from those that every operation may give."""

    status: int = 200
    model: type[BaseModel] | None = None
    """Shape of the response body."""
    page: bool = False
    """The body is a page of `model`."""
    other_statuses: Sequence[int] = ()
    """Further statuses with a body of the same shape."""
    bodiless_statuses: Sequence[int] = ()
    """Statuses that are neither errors nor have a body: redirects, and responses to conditions."""
    revision_tag: bool = False
    """The body is a document that can be edited, and its `ETag` names its revision."""
    produces: str = "application/json"
    errors: Sequence[int] = ()
    """Error statuses beyond those that follow from the rest of the declaration."""
