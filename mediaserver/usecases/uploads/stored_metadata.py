"""Take the metadata out of files that were stored before uploads were cleaned at once.

It is done in the background, and for a file that somebody asks for before the file is served. Each upload's
document says whether it was done, so the work may be cut off anywhere, and several servers may do it at the same
time.
"""

import asyncio
import contextlib
import logging
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from mediaserver.base.errors import NotFound
from mediaserver.domain.uploads import media_types, metadata
from mediaserver.domain.uploads.uploads import METADATA_REMOVED, METADATA_STUCK, Upload
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads import media_probe, storage_quota

log = logging.getLogger(__name__)

_BATCH = 50
FROM_BEFORE: Final = {"status": "ready", "metadata": None}
"""The filter of uploads whose files may still have metadata."""
STUCK: Final = {"status": "ready", "metadata": METADATA_STUCK}
"""The filter of those where it cannot be taken out."""
_LOCKS: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
"""By the ids of the uploads that this process is working on."""


@dataclass(slots=True)
class Done:
    examined: int = 0
    changed: int = 0
    stuck: list[str] = field(default_factory=list)
    """Ids of uploads whose files cannot be followed: from now on they are for their owners only."""


async def strip_stored(ctx: Context, retry_stuck: bool = False) -> Done:
    """Do it for all files that need it, the newest first. Raises `Unavailable`; call it again then.

    `retry_stuck`: also for those that could not be followed, which may have had another cause, such as a machine
    without memory.
    """
    if retry_stuck:
        await ctx.uploads.update_many(STUCK, set={"metadata": None}, edits=False)
    done = Done()
    while uploads := await ctx.uploads.find(FROM_BEFORE, sort=[("createdAt", -1)], limit=_BATCH):
        for upload in uploads:
            await _strip_once(ctx, upload, done)
    if done.examined:
        log.info(
            "metadata was taken out of files from before",
            extra={"examined": done.examined, "changed": done.changed, "stuck": len(done.stuck)},
        )
    return done


async def strip_before_serving(ctx: Context, upload_id: str, key: str) -> bool:
    """Clean the file of an upload now if that was not done yet; return whether it was looked at.

    `key` names what is served: thumbnails never had metadata, so they do not wait. Raises `Unavailable`,
    `InsufficientStorage`.
    """
    upload = await ctx.uploads.find_one({"_id": upload_id, "objectKey": key, **FROM_BEFORE})
    if upload is None:
        return False
    await _strip_once(ctx, upload, Done())
    return True


async def _strip_once(ctx: Context, upload: Upload, done: Done) -> None:
    """Clean a file unless that has been done since `upload` was read."""
    async with _LOCKS.setdefault(upload.id, asyncio.Lock()):
        if await ctx.uploads.exists({"_id": upload.id, **FROM_BEFORE}):
            await _strip(ctx, upload, done)


async def _strip(ctx: Context, upload: Upload, done: Done) -> None:
    directory = storage_quota.incoming(ctx)
    with tempfile.TemporaryDirectory(dir=directory, prefix="upload-", ignore_cleanup_errors=True) as own:
        path = Path(own, "file")
        removed: int | None = 0
        if await _fetched(ctx, upload, path):
            probed = await media_probe.strip_file(path, upload.owner_user_id)
            removed = probed.removed if probed else None
        done.examined += 1
        if removed:
            done.changed += 1
            await ctx.objects.put_file(upload.object_key, path, upload.content_type)
            size = (await asyncio.to_thread(path.stat)).st_size
            await _mark(ctx, upload, METADATA_REMOVED, size)
        elif removed is None:
            done.stuck.append(upload.id)
            log.warning("the metadata of a file cannot be taken out", extra={"upload": upload.id})
            await _mark(ctx, upload, METADATA_STUCK, upload.size)
        else:
            await _mark(ctx, upload, METADATA_REMOVED, upload.size)


async def _fetched(ctx: Context, upload: Upload, path: Path) -> bool:
    """Bring the file here, if it is of a kind that may have metadata and still exists."""
    if upload.content_type == media_types.TEXT:
        return False
    head = bytearray()
    try:
        async with contextlib.aclosing(ctx.objects.read(upload.object_key, 0, metadata.HEAD_BYTES)) as chunks:
            async for chunk in chunks:
                head += chunk
        if not metadata.may_have_metadata(bytes(head)):
            return False
        await asyncio.to_thread(ctx.disk.require, upload.size)
        with path.open("wb") as file:
            async with contextlib.aclosing(ctx.objects.read(upload.object_key)) as chunks:
                async for chunk in chunks:
                    await asyncio.to_thread(file.write, chunk)
    except NotFound:
        return False
    return True


async def _mark(ctx: Context, upload: Upload, said: int, size: int) -> None:
    marked = {"metadata": said, "size": size}
    kept = await ctx.uploads.update_one({"_id": upload.id, "status": "ready"}, set=marked, edits=False)
    # It may have been deleted meanwhile, before the clean file was put in its place.
    if kept is None and not await ctx.uploads.exists({"_id": upload.id}):
        await ctx.objects.delete(upload.object_key)
