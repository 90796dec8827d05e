"""Uploads from the first byte to the last reader: received within limits, sniffed, stored, used, expired.

The document comes before the object and goes after it: whatever is cut off in between is found and swept.
"""

import asyncio
import contextlib
import re
import shutil
import tempfile
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mediaserver.base.errors import Conflict, Forbidden, NotFound
from mediaserver.base.ids import new_id
from mediaserver.domain.actor import Actor
from mediaserver.domain.uploads import Upload, Use
from mediaserver.usecases.context import Context
from mediaserver.usecases.intake import Arrived, receive

KEY_PREFIX = "uploads"
ANYONE = "anyone"
"""In the place of a person in URLs that are not made for one."""
_FACE_TTL_S = 7 * 86400
_MAX_NAME = 200
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SWEEP = 100
_LEFTOVER_S = 86400.0


async def create(ctx: Context, actor: Actor, name: str, chunks: AsyncIterator[bytes]) -> Upload:
    """Store what `chunks` bring. TooLarge naming the limit, Invalid for nothing or a bomb, Unavailable."""
    directory = incoming(ctx)
    with tempfile.TemporaryDirectory(dir=directory, prefix="upload-", ignore_cleanup_errors=True) as own:
        arrived = await receive(chunks, Path(own, "file"), ctx.settings.uploads)
        return await _store(ctx, actor, display_name(name), arrived)


async def get(ctx: Context, actor: Actor, upload_id: str) -> Upload:
    """Its owner and whoever may read what uses it. NotFound, Forbidden."""
    upload = await _ready(ctx, upload_id)
    if not await _readable(ctx, actor.user_id, actor.is_admin, upload):
        raise Forbidden("forbidden", "this upload is not yours and nothing shows it to you")
    return upload


async def delete(ctx: Context, actor: Actor, upload_id: str) -> None:
    """Its owner's or an admin's to delete, while nothing uses it. NotFound, Forbidden, Conflict `in_use`."""
    upload = await _ready(ctx, upload_id)
    if not (actor.is_admin or actor.user_id == upload.owner_user_id):
        raise Forbidden("forbidden", "only its owner may delete an upload")
    if not await _discard(ctx, upload):
        raise Conflict("in_use", "something shows this upload; delete that first")


async def mark_used(ctx: Context, upload_id: str, by: Use) -> Upload:
    """Remember that `by` refers to it: it expires no more and the readers of `by` may read it. NotFound."""
    changed = await ctx.uploads.update_one(
        {"_id": upload_id, "status": "ready"}, set={"used": True}, operators={"$addToSet": {"usedBy": by}}
    )
    if changed is None:
        raise _no_upload()
    return changed


async def release(ctx: Context, upload_id: str, by: Use) -> None:
    """`by` refers to it no more; what nothing uses expires."""
    await ctx.uploads.update_one({"_id": upload_id}, operators={"$pull": {"usedBy": by}})
    await ctx.uploads.update_one({"_id": upload_id, "usedBy": []}, set={"used": False})


async def may_read(ctx: Context, user_id: str, upload_id: str) -> bool:
    """Whether an active person may have the bytes; asked anew at each request. `ANYONE` may have faces."""
    upload = await ctx.uploads.find_one({"_id": upload_id})
    if user_id == ANYONE:
        return upload is not None and upload.status == "ready" and _is_face(upload)
    user = await ctx.users.find_one({"_id": user_id})
    if user is None or not user.active or upload is None or upload.status != "ready":
        return False
    return await _readable(ctx, user_id, user.role == "admin", upload)


def describe(ctx: Context, person: str, upload: Upload) -> dict[str, Any]:
    """An upload as the wire has it, its URL signed for the user `person`."""
    ttl_s = ctx.settings.objects.url_ttl_s
    return {
        "id": upload.id,
        "contentType": upload.content_type,
        "size": upload.size,
        "name": upload.name,
        "width": upload.width,
        "height": upload.height,
        "duration": upload.duration_s,
        "url": ctx.signer.url(upload.object_key, person, ctx.clock(), ttl_s, upload.name),
    }


def face_url(ctx: Context, upload: Upload) -> str:
    """A profile picture's URL for every reader: people in a room are described to all with the same words.

    It works for days, but only as long as the picture is somebody's: that is asked at each request."""
    return ctx.signer.url(upload.object_key, ANYONE, ctx.clock(), _FACE_TTL_S, upload.name)


async def expire_unused(ctx: Context, now: datetime) -> int:
    """Delete what nothing has used for too long, and what broken uploads left; how many. Call it now and then."""
    await asyncio.to_thread(_sweep_incoming, incoming(ctx), now)
    before = now - timedelta(seconds=ctx.settings.uploads.unused_ttl_s)
    gone = 0
    for upload in await ctx.uploads.find({"used": False, "createdAt": {"$lt": before}}, limit=_SWEEP):
        gone += await _discard(ctx, upload)
    return gone


def incoming(ctx: Context) -> Path:
    """Where uploads wait until they are whole."""
    directory = ctx.settings.data.dir / "incoming"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def display_name(name: str) -> str:
    """The file's name as people see it: no directories, nothing invisible, not too long."""
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C").strip(
        " ."
    )
    if len(plain) <= _MAX_NAME:
        return plain or "file"
    stem, dot, extension = plain.rpartition(".")
    return (
        f"{stem[: _MAX_NAME - len(extension) - 1]}.{extension}"
        if dot and len(extension) < 20
        else plain[:_MAX_NAME]
    )


def object_key(upload_id: str, name: str) -> str:
    """`uploads/{id}/{name}` with a name that every file system and URL bears."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    safe = _UNSAFE.sub("-", ascii_name).strip("-.")
    return f"{KEY_PREFIX}/{upload_id}/{safe[-100:].strip('-.') or 'file'}"


async def _store(ctx: Context, actor: Actor, name: str, arrived: Arrived) -> Upload:
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
            name=name,
            object_key=object_key(upload_id, name),
            status="pending",
        )
    )
    await ctx.objects.put_file(upload.object_key, arrived.path, upload.content_type)
    return await ctx.uploads.update(upload_id, set={"status": "ready"})


async def _ready(ctx: Context, upload_id: str) -> Upload:
    upload = await ctx.uploads.find_one({"_id": upload_id, "status": "ready"})
    if upload is None:
        raise _no_upload()
    return upload


def _no_upload() -> NotFound:
    return NotFound("upload_not_found", "there is no such upload")


async def _discard(ctx: Context, upload: Upload) -> bool:
    """Delete it unless something uses it: from here on nothing can."""
    claimed = await ctx.uploads.update_one({"_id": upload.id, "used": False}, set={"status": "pending"})
    if claimed is None:
        return False
    await ctx.objects.delete(upload.object_key)
    await ctx.uploads.delete_many({"_id": upload.id})
    return True


def _is_face(upload: Upload) -> bool:
    return any(use.kind == "profile" for use in upload.used_by)


async def _readable(ctx: Context, user_id: str, is_admin: bool, upload: Upload) -> bool:
    if is_admin or user_id == upload.owner_user_id:
        return True
    for use in upload.used_by:
        if await _READERS[use.kind](ctx, user_id, use.id):
            return True
    return False


async def _in_session(ctx: Context, user_id: str, session_id: str) -> bool:
    """Whoever was admitted to it and not removed, and its moderator."""
    taking_part = {"sessionId": session_id, "userId": user_id, "removedAt": None}
    if await ctx.participants.exists(taking_part):
        return True
    return await ctx.sessions.exists({"_id": session_id, "moderatorUserId": user_id})


async def _anyone(ctx: Context, user_id: str, used_id: str) -> bool:
    return True


_READERS: dict[str, Callable[[Context, str, str], Awaitable[bool]]] = {"session": _in_session, "profile": _anyone}


def _sweep_incoming(directory: Path, now: datetime) -> None:
    """Remove what uploads left that died with their server."""
    for own in directory.glob("upload-*"):
        with contextlib.suppress(FileNotFoundError):  # an upload that ends just now
            if now.timestamp() - own.stat().st_mtime > _LEFTOVER_S:
                shutil.rmtree(own)
