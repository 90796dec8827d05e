"""Keeping uploads: the document comes before its objects and goes after them, and counts from the first moment.

So whatever is cut off in between has a document by which it is found and swept, and many uploads at once cannot
together exceed what a person may keep.
"""

from pathlib import Path
from typing import Any

from mediaserver.base.ids import new_id
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.uploads.uploads import METADATA_REMOVED, Upload, object_key
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads.upload_receipt import Arrived, quota_exceeded, thumbnail_of


def incoming(ctx: Context) -> Path:
    """Where uploads wait until they are whole."""
    directory = ctx.settings.data.dir / "incoming"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


async def room(ctx: Context, owner_id: str) -> int:
    """How many bytes a person may still bring; negative when they keep too much."""
    theirs: dict[str, Any] = {"$match": {"ownerUserId": owner_id}}
    kept = await ctx.uploads.aggregate([theirs, {"$group": {"_id": None, "size": {"$sum": "$size"}}}])
    return ctx.settings.uploads.max_bytes_per_person - (int(kept[0]["size"]) if kept else 0)


async def reserve(ctx: Context, upload: Upload) -> Upload:
    """Store the document of an upload whose bytes are still to come. TooLarge `quota_exceeded`."""
    await ctx.uploads.add(upload)
    if await room(ctx, upload.owner_user_id) < 0:
        await ctx.uploads.delete_many({"_id": upload.id})
        raise quota_exceeded(ctx.settings.uploads)
    return upload


async def store(ctx: Context, actor: Actor, name: str, arrived: Arrived) -> Upload:
    """A new upload of a file that arrived. TooLarge `quota_exceeded`, Unavailable."""
    upload_id, now = new_id(), ctx.clock()
    upload = Upload(
        id=upload_id,
        created_at=now,
        updated_at=now,
        owner_user_id=actor.user_id,
        content_type=arrived.content_type,
        size=arrived.size,
        width=arrived.width,
        height=arrived.height,
        duration_s=arrived.duration_s,
        thumbnail=arrived.thumbnail,
        name=name,
        object_key=object_key(upload_id, name),
        status="pending",
        metadata=METADATA_REMOVED,
    )
    await reserve(ctx, upload)
    await put(ctx, upload, arrived)
    return await ctx.uploads.update(upload_id, set={"status": "ready"})


async def put(ctx: Context, upload: Upload, arrived: Arrived) -> None:
    """Store its objects. Unavailable."""
    if arrived.thumbnail:
        await ctx.objects.put_file(upload.thumbnail_key, thumbnail_of(arrived.path), "image/webp")
    await ctx.objects.put_file(upload.object_key, arrived.path, arrived.content_type)


async def discard(ctx: Context, upload: Upload) -> bool:
    """Delete it unless something uses it: from here on nothing can."""
    claimed = await ctx.uploads.update_one({"_id": upload.id, "used": False}, set={"status": "pending"})
    if claimed is None:
        return False
    for key in claimed.keys:
        await ctx.objects.delete(key)
    await ctx.uploads.delete_many({"_id": upload.id})
    return True
