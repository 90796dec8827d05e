"""Keeping uploads: the document comes before its objects and goes after them.

So whatever is cut off in between has a document by which it is found and swept.
"""

from pathlib import Path

from mediaserver.base.ids import new_id
from mediaserver.domain.actor import Actor
from mediaserver.domain.uploads import Upload, object_key
from mediaserver.usecases.context import Context
from mediaserver.usecases.intake import Arrived, thumbnail_of


def incoming(ctx: Context) -> Path:
    """Where uploads wait until they are whole."""
    directory = ctx.settings.data.dir / "incoming"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


async def store(ctx: Context, actor: Actor, name: str, arrived: Arrived) -> Upload:
    """A new upload of a file that arrived. Unavailable."""
    upload_id, now = new_id(), ctx.clock()
    upload = await ctx.uploads.add(
        Upload(
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
        )
    )
    if arrived.thumbnail:
        await ctx.objects.put_file(upload.thumbnail_key, thumbnail_of(arrived.path), "image/webp")
    await ctx.objects.put_file(upload.object_key, arrived.path, upload.content_type)
    return await ctx.uploads.update(upload_id, set={"status": "ready"})


async def discard(ctx: Context, upload: Upload) -> bool:
    """Delete it unless something uses it: from here on nothing can."""
    claimed = await ctx.uploads.update_one({"_id": upload.id, "used": False}, set={"status": "pending"})
    if claimed is None:
        return False
    await ctx.objects.delete(upload.object_key)
    if upload.thumbnail:
        await ctx.objects.delete(upload.thumbnail_key)
    await ctx.uploads.delete_many({"_id": upload.id})
    return True
