"""Editing under `If-Match`: of several clients that edit the same revision of a document, one succeeds."""

from collections.abc import Mapping
from typing import Any

from mediaserver.api.declarations.calls import Call
from mediaserver.base.errors import PreconditionFailed
from mediaserver.domain.documents.document import Document, to_stored


def differs(before: Document, changes: Mapping[str, Any]) -> bool:
    """Return whether any of the changes gives a field another value."""
    return any(to_stored(value) != to_stored(getattr(before, name)) for name, value in changes.items())


def require_revision(call: Call, before: Document) -> None:
    """Raises: PreconditionFailed("changed") when `If-Match` names other revisions."""
    if call.if_match is not None and not call.if_match.fits(before.revision):
        raise _changed()


async def claim(call: Call, before: Document) -> None:
    """Take the next revision of the document for this call if it has an `If-Match` condition.

    Raises: PreconditionFailed("changed") when another call was faster.
    """
    if call.if_match is None:
        return
    require_revision(call, before)
    # Documents that were stored before revisions were introduced have none.
    same = {"$in": [0, None]} if before.revision == 0 else before.revision
    if not await call.context.of(type(before)).update_one({"_id": before.id, "revision": same}):
        raise _changed()


def _changed() -> PreconditionFailed:
    return PreconditionFailed("changed", "The document was changed in the meantime. Read it again.")
