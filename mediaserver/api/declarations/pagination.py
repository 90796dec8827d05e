"""Cursor pagination: `{"items": […], "nextCursor": "…"|null}`, stable while documents are added."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.calls import Answer
from mediaserver.base.faults import form

Limit = Annotated[int, Field(ge=1, le=100, description="Number of items per page.")]

_CURSOR = "`nextCursor` of the previous page."


class PageQuery(Body):
    limit: Limit = 20
    cursor: (
        Annotated[
            str,
            form("^[A-Za-z0-9_-]+$", "must be the `nextCursor` of a page", max_length=500),
            Field(description=_CURSOR),
        ]
        | None
    ) = None


def page(items: Sequence[dict[str, Any]], next_cursor: str | None) -> Answer:
    """Return the answer to a list request."""
    return Answer({"items": items, "nextCursor": next_cursor})
