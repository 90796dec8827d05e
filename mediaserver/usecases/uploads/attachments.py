"""Documents that show uploads: what they name is marked as used before they are stored, released when they go."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mediaserver.base.errors import FieldError, Invalid, NotFound, Unavailable
from mediaserver.domain.documents.document import Document
from mediaserver.domain.uploads.upload_references import shown_uploads
from mediaserver.domain.uploads.uploads import Use
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads import uploads


@asynccontextmanager
async def used(
    ctx: Context, document: Document, before: Document | None = None, owner: str = ""
) -> AsyncIterator[None]:
    """Around storing `document`: its uploads are used from now on; when storing fails they are let go again.

    Those that `before`, the version that it replaces, showed already stay as they are, and are let go afterwards
    where it alone showed them. Invalid names each place with an upload that is not there, or not its owner's
    (`owner`, else whose the document is: `owned_by`).
    """
    had = {id for _, id in shown_uploads(before)} if before else set()
    dropped = had - {id for _, id in shown_uploads(document)}
    ids, locs = _fresh(document, before)
    use = Use(kind=document.collection, id=document.id)
    if ids:
        await uploads.use_all(ctx, owner or _owner(document), ids, use, locs)
    if dropped:
        await uploads.doubt(ctx, list(dropped))
    try:
        yield
    except BaseException:
        with contextlib.suppress(Unavailable):  # when the store cannot tell they stay: better kept than missing
            await _agree(ctx, document, set(ids), use)
        raise
    await _agree(ctx, document, dropped, use)


async def faults(
    ctx: Context, document: Document, before: Document | None = None, owner: str = ""
) -> list[FieldError]:
    """As `used` names them."""
    ids, locs = _fresh(document, before)
    try:
        if ids:
            await uploads.owned(ctx, owner or _owner(document), ids, locs)
    except Invalid as invalid:
        return list(invalid.errors)
    return []


async def release(ctx: Context, document: Document) -> None:
    """It shows nothing more."""
    use = Use(kind=document.collection, id=document.id)
    await uploads.release_all(ctx, [id for _, id in shown_uploads(document)], use)


def same_version(document: Document, before: Document) -> dict[str, Any]:
    """What the stored document must be for `document` to replace `before`; nothing where neither shows uploads.

    So none is lost sight of that somebody else has made it show meanwhile.
    """
    if not (shown_uploads(document) or shown_uploads(before)):
        return {}
    return same_revision(before)


def same_revision(before: Document) -> dict[str, Any]:
    """The filter of the stored document while nobody has edited it since."""
    # What was stored before there were revisions has none.
    return {"revision": {"$in": [0, None]} if before.revision == 0 else before.revision}


async def _agree(ctx: Context, document: Document, ids: set[str], use: Use) -> None:
    """Of these uploads those that the stored document shows are used by it, and the others are not.

    Others may change it at the same moment, and theirs and ours cross: so look again, until it stays the same.
    """
    seen: list[str] | None = None
    while ids:
        stored = await ctx.of(type(document)).find_one({"_id": document.id})
        shown = sorted(ids & {id for _, id in shown_uploads(stored)}) if stored else []
        if shown == seen:
            return
        await uploads.release_all(ctx, sorted(ids - set(shown)), use)
        for id in shown:
            with contextlib.suppress(NotFound):
                await uploads.mark_used(ctx, id, use)
        seen = shown


def _fresh(document: Document, before: Document | None) -> tuple[list[str], list[str]]:
    """The uploads that `before` did not show, and where they stand."""
    had = {id for _, id in shown_uploads(before)} if before else set()
    fresh = [(loc, id) for loc, id in shown_uploads(document) if id not in had]
    return [id for _, id in fresh], [".".join(map(str, loc)) for loc, _ in fresh]


def _owner(document: Document) -> str:
    kind = type(document)
    assert kind.owned_by, f"{kind.__name__} shows uploads, but nobody says whose: declare `owned_by`"
    return str(getattr(document, kind.owned_by))
