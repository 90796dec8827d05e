"""Uploads that nothing uses go after a while, with whatever a broken or cut-off upload left behind."""

import asyncio
import contextlib
import logging
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from mediaserver.base.errors import Unavailable
from mediaserver.usecases import keeping
from mediaserver.usecases.context import Context

log = logging.getLogger(__name__)

_BATCH = 100
_FAILURES_IN_A_ROW = 5
_LEFTOVER_S = 86400.0


async def expire_unused(ctx: Context, now: datetime) -> int:
    """Delete what nothing has used for too long, and what broken uploads left; how many. Call it now and then.

    One object that cannot be deleted keeps no other from going; Unavailable when several in a row cannot.
    """
    await asyncio.to_thread(_sweep_incoming, keeping.incoming(ctx), now)
    before = now - timedelta(seconds=ctx.settings.uploads.unused_ttl_s)
    unused = {"used": False, "createdAt": {"$lt": before}}
    gone, failures, cursor = 0, 0, None
    while True:
        page = await ctx.uploads.page(unused, sort=[("createdAt", 1)], limit=_BATCH, cursor=cursor)
        for upload in page.items:
            try:
                gone += await keeping.discard(ctx, upload)
                failures = 0
            except Unavailable as problem:
                failures += 1
                if failures == _FAILURES_IN_A_ROW:
                    raise
                log.warning("an upload cannot be deleted yet", extra={"upload": upload.id, "why": problem.detail})
        cursor = page.next_cursor
        if cursor is None:
            return gone


def _sweep_incoming(directory: Path, now: datetime) -> None:
    """Remove what uploads left that died with their server."""
    for own in directory.glob("upload-*"):
        with contextlib.suppress(FileNotFoundError):  # an upload that ends just now
            if now.timestamp() - own.stat().st_mtime > _LEFTOVER_S:
                shutil.rmtree(own)
