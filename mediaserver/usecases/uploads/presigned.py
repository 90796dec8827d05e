"""Uploads that go straight to the bucket: announced, put there by the client, then looked at like any other.

The client's bytes arrive under a key of their own, which nothing serves. The URL works for a while also after
they were looked at, so what is kept is a copy of exactly the bytes that were.
"""

import contextlib
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from mediaserver.base.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Problem, TooLarge, TooMany
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.uploads.uploads import METADATA_REMOVED, Upload, display_name, object_key
from mediaserver.store.objects import PresignedPut
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads import storage_quota
from mediaserver.usecases.uploads.upload_receipt import Arrived, receive, refuse_too_large

_AWAITED_PER_PERSON = 20
_LEASE = timedelta(minutes=15)
"""After this somebody who began to look at an upload is taken for dead."""


@dataclass(frozen=True, slots=True)
class Announced:
    upload: Upload
    put: PresignedPut
    expires_at: datetime


async def announce(ctx: Context, actor: Actor, name: str, content_type: str, size: int) -> Announced:
    """A place in the bucket for a file of `size` bytes. Its type is only said here: the bytes will tell.

    Conflict `presign_unavailable`, TooLarge naming the limit, TooMany, Unavailable.
    """
    refuse_too_large(content_type, size, ctx.settings.uploads, "size")
    ttl_s, now = ctx.settings.uploads.presign_ttl_s, ctx.clock()
    await _refuse_too_many(ctx, actor, now - timedelta(seconds=ttl_s))
    upload_id, shown_name = new_id(), display_name(name)
    upload = Upload(
        id=upload_id,
        created_at=now,
        updated_at=now,
        owner_user_id=actor.user_id,
        content_type=content_type,
        size=size,
        name=shown_name,
        object_key=object_key(upload_id, shown_name),
        status="awaited",
        presigned=True,
    )
    place = await ctx.objects.presigned_put(upload.incoming_key, ttl_s, content_type, size)
    if place is None:
        raise Conflict("presign_unavailable", "files are not kept in a bucket here: send it to POST /uploads")
    return Announced(await storage_quota.reserve(ctx, upload), place, now + timedelta(seconds=ttl_s))


async def complete(ctx: Context, actor: Actor, upload_id: str) -> Upload:
    """Look at what the client put and keep it: as if it had been sent here. Repeating it changes nothing.

    NotFound; Forbidden; Conflict `not_uploaded`, `completing` while another call does it. What would have been
    refused here is refused now, and gone: TooLarge, Invalid (also for another size than announced).
    """
    upload = await ctx.uploads.find_one({"_id": upload_id, "status": {"$in": ["awaited", "ready"]}})
    if upload is None:
        raise _gone()
    if upload.owner_user_id != actor.user_id:
        raise Forbidden("forbidden", "only who announced an upload may complete it")
    if upload.status == "ready":
        return upload
    claimed = await _claim(ctx, upload)
    try:
        return await _look(ctx, claimed)
    except (Invalid, TooLarge):
        await storage_quota.discard(ctx, claimed)
        raise
    except BaseException:
        with contextlib.suppress(Problem):  # else the claim ends by itself
            await ctx.uploads.update_one(_held(claimed), set={"claimedAt": None})
        raise


async def _refuse_too_many(ctx: Context, actor: Actor, since: datetime) -> None:
    awaited = {"ownerUserId": actor.user_id, "status": "awaited", "createdAt": {"$gt": since}}
    if await ctx.uploads.count(awaited) >= _AWAITED_PER_PERSON:
        said = f"{_AWAITED_PER_PERSON} uploads are announced already: complete or delete some"
        raise TooMany("too_many_uploads", said, 10.0)


async def _claim(ctx: Context, upload: Upload) -> Upload:
    now = ctx.clock()
    free = {"$or": [{"claimedAt": None}, {"claimedAt": {"$lt": now - _LEASE}}]}
    claimed = await ctx.uploads.update_one(
        {"_id": upload.id, "status": "awaited", **free}, set={"claimedAt": now}
    )
    if claimed is None:
        raise Conflict("completing", "this upload is being looked at; ask again in a moment")
    return claimed


async def _look(ctx: Context, upload: Upload) -> Upload:
    directory = storage_quota.incoming(ctx)
    with tempfile.TemporaryDirectory(dir=directory, prefix="upload-", ignore_cleanup_errors=True) as own:
        try:
            arrived = await _fetch(ctx, upload, Path(own, "file"))
        except NotFound:
            raise Conflict("not_uploaded", "its bytes have not arrived: PUT them first") from None
        await storage_quota.put(ctx, upload, arrived)
        kept = await _keep(ctx, upload, arrived)
    with contextlib.suppress(Problem):  # else it is swept
        await ctx.objects.delete(upload.incoming_key)
    return kept


async def _fetch(ctx: Context, upload: Upload, path: Path) -> Arrived:
    there = await ctx.objects.stat(upload.incoming_key)
    if there.size not in (0, upload.size):  # an empty one is refused like any other
        said = f"is {there.size:,} bytes, not the {upload.size:,} that were announced"
        raise Invalid("invalid", f"the file {said}", [FieldError("size", said)])
    async with contextlib.aclosing(ctx.objects.read(upload.incoming_key)) as chunks:
        return await receive(chunks, path, ctx.settings.uploads, upload.size, upload.owner_user_id, ctx.disk)


async def _keep(ctx: Context, upload: Upload, arrived: Arrived) -> Upload:
    found = {
        "status": "ready",
        "claimedAt": None,
        "contentType": arrived.content_type,
        "size": arrived.size,
        "width": arrived.width,
        "height": arrived.height,
        "duration": arrived.duration_s,
        "thumbnail": arrived.thumbnail,
        "metadata": METADATA_REMOVED,
    }
    kept = await ctx.uploads.update_one(_held(upload), set=found)
    if kept is not None:
        return kept
    if not await ctx.uploads.exists({"_id": upload.id}):  # deleted, or expired, meanwhile
        for key in upload.keys:
            await ctx.objects.delete(key)
        raise _gone()
    raise Conflict("completing", "this took too long, and another call took over; ask again in a moment")


def _held(upload: Upload) -> dict[str, object]:
    return {"_id": upload.id, "status": "awaited", "claimedAt": upload.claimed_at}


def _gone() -> NotFound:
    return NotFound("upload_not_found", "there is no such upload")
