"""Documents that show uploads: what they name is marked as used before they are stored, released when they go."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mediaserver.base.errors import Unavailable
from mediaserver.domain.document import Document
from mediaserver.domain.shown_uploads import shown_uploads
from mediaserver.domain.uploads import Use
from mediaserver.usecases import uploads
from mediaserver.usecases.context import Context


@asynccontextmanager
async def used(
    ctx: Context, document: Document, before: Document | None = None, owner: str = ""
) -> AsyncIterator[None]:
    """Around storing `document`: its uploads are used from now on; when storing fails they are let go again.

    Those that `before` showed already stay as they are, and are let go afterwards where it alone showed them.
    Invalid names each place with an upload that is not there, or not its owner's (`owner`, else the document's
    `user_id` or the like).
    """
    wanted, had = shown_uploads(document), {id for _, id in shown_uploads(before)} if before else set()
    fresh = {id: ".".join(map(str, loc)) for loc, id in wanted if id not in had}
    use = Use(kind=document.collection, id=document.id)
    if fresh:
        await uploads.use_all(ctx, owner or _owner(document), list(fresh), use, list(fresh.values()))
    try:
        yield
    except BaseException:
        with contextlib.suppress(Unavailable):  # when the store cannot tell they stay: better kept than missing
            if before or not await ctx.of(type(document)).exists({"_id": document.id}):
                await uploads.release_all(ctx, list(fresh), use)
        raise
    await uploads.release_all(ctx, list(had - {id for _, id in wanted}), use)


async def release(ctx: Context, document: Document) -> None:
    """It shows nothing more."""
    use = Use(kind=document.collection, id=document.id)
    await uploads.release_all(ctx, [id for _, id in shown_uploads(document)], use)


def _owner(document: Document) -> str:
    for field in _OWNERS:
        if hasattr(document, field):
            return str(getattr(document, field))
    raise AssertionError(f"{type(document).__name__} shows uploads but has no owner")


_OWNERS = ("user_id", "sender_user_id", "moderator_user_id", "instructor_user_id")
