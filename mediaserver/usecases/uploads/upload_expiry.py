"""Uploads that nothing uses go after a while, with whatever a broken or cut-off upload left behind."""

import asyncio
import contextlib
import logging
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from mediaserver.base.errors import Unavailable
from mediaserver.domain.uploads.upload_references import shown_uploads
from mediaserver.domain.uploads.uploads import INCOMING_PREFIX, Use
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads import storage_quota, uploads

log = logging.getLogger(__name__)

_BATCH = 100
_FAILURES_IN_A_ROW = 5
_SETTLED = timedelta(hours=1)
"""By then whoever marked an upload has stored what uses it, or has died."""


async def expire_unused(ctx: Context, now: datetime) -> int:
    """Delete what nothing has used for too long, and what broken uploads left; how many. Call it now and then.

    One object that cannot be deleted keeps no other from going; Unavailable when several in a row cannot.
    """
    await clear_incoming(ctx, now - timedelta(days=1))
    await _release_stale(ctx, now)
    before = now - timedelta(seconds=ctx.settings.uploads.unused_ttl_s)
    unused = {"used": False, "createdAt": {"$lt": before}}
    gone, failures, cursor = 0, 0, None
    while True:
        page = await ctx.uploads.page(unused, sort=[("createdAt", 1)], limit=_BATCH, cursor=cursor)
        for upload in page.items:
            try:
                gone += await storage_quota.discard(ctx, upload)
                failures = 0
            except Unavailable as problem:
                failures += 1
                if failures == _FAILURES_IN_A_ROW:
                    raise
                log.warning("an upload cannot be deleted yet", extra={"upload": upload.id, "why": problem.detail})
        cursor = page.next_cursor
        if cursor is None:
            break
    await _sweep_bucket(ctx)
    return gone


async def clear_incoming(ctx: Context, before: datetime) -> None:
    """Remove the files of uploads that were cut off before that time; at the start of a server: all of them."""
    await asyncio.to_thread(_sweep_incoming, storage_quota.incoming(ctx), before)


async def _sweep_bucket(ctx: Context) -> None:
    """Remove what clients put there once their upload was complete or gone: a URL works more than once."""
    async for listed in ctx.objects.list(f"{INCOMING_PREFIX}/"):
        upload_id = listed.key.removeprefix(f"{INCOMING_PREFIX}/")
        if not await ctx.uploads.exists({"_id": upload_id, "status": "awaited"}):
            await ctx.objects.delete(listed.key)


async def _release_stale(ctx: Context, now: datetime) -> None:
    """Undo marks whose document never came, because its writer died in between: each mark is looked at once."""
    marked = {"markedAt": {"$lt": now - _SETTLED}}
    while uploads_ := await ctx.uploads.find(marked, sort=[("markedAt", 1)], limit=_BATCH):
        for upload in uploads_:
            for use in upload.used_by:
                if not await _shows(ctx, use, upload.id):
                    await uploads.release(ctx, upload.id, use)
            looked_at = {"_id": upload.id, "markedAt": upload.marked_at}
            await ctx.uploads.update_one(looked_at, set={"markedAt": None})


async def _shows(ctx: Context, use: Use, upload_id: str) -> bool:
    """Whether what is marked as using an upload shows it; true for what we know nothing about."""
    if use.kind == "session":
        return await ctx.messages.exists({"sessionId": use.id, "content": upload_id})
    if use.kind == "profile":
        return await ctx.users.exists({"_id": use.id, "profileImage": upload_id})
    kind = next((kind for kind in ctx.repositories.documents if kind.collection == use.kind), None)
    if kind is None:
        return True
    found = await ctx.of(kind).find_one({"_id": use.id})
    return found is not None and upload_id in {id for _, id in shown_uploads(found)}


def _sweep_incoming(directory: Path, before: datetime) -> None:
    for own in directory.glob("upload-*"):
        with contextlib.suppress(FileNotFoundError):  # an upload that ends just now
            if own.stat().st_mtime < before.timestamp():
                shutil.rmtree(own)
