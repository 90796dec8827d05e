"""Uploads as people have them: made, read by whoever may read what shows them, used by documents, deleted.

A use is marked before the document that shows the upload is stored: nothing ever refers to what expires.
"""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from mediaserver.base.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Unavailable
from mediaserver.base.signing import ANYONE
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.documents.document import to_stored
from mediaserver.domain.messaging.direct_messages import DirectMessage
from mediaserver.domain.uploads.uploads import METADATA_STUCK, Upload, Use, display_name
from mediaserver.usecases.access import course_access, read_access
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads.file_links import face_link, upload_link
from mediaserver.usecases.uploads.storage_quota import discard, incoming, room, store
from mediaserver.usecases.uploads.upload_receipt import receive

Reader = Callable[[Context, str, str], Awaitable[bool]]
"""`(context, user id, id in the use)`: whether that active person may read what shows the upload."""


async def create(ctx: Context, actor: Actor, name: str, chunks: AsyncIterator[bytes]) -> Upload:
    """Store what `chunks` bring.

    TooLarge naming the limit, Invalid for nothing or a bomb, InsufficientStorage, Unavailable.
    """
    directory, left = incoming(ctx), await room(ctx, actor.user_id)
    with tempfile.TemporaryDirectory(dir=directory, prefix="upload-", ignore_cleanup_errors=True) as own:
        path, limits = Path(own, "file"), ctx.settings.uploads
        arrived = await receive(chunks, path, limits, left, actor.user_id, ctx.disk)
        return await store(ctx, actor, display_name(name), arrived)


async def get(ctx: Context, actor: Actor, upload_id: str) -> Upload:
    """Its owner and whoever may read what uses it. NotFound, Forbidden."""
    upload = await _ready(ctx, upload_id)
    if not await readable(ctx, actor, upload):
        raise Forbidden("forbidden", "this upload is not yours and nothing shows it to you")
    return upload


async def delete(ctx: Context, actor: Actor, upload_id: str) -> None:
    """Its owner's or an admin's to delete, while nothing uses it, also one that was only announced.

    NotFound, Forbidden, Conflict `in_use`.
    """
    upload = await ctx.uploads.find_one({"_id": upload_id, "status": {"$in": ["ready", "awaited"]}})
    if upload is None:
        raise _no_upload()
    if not (actor.is_admin or actor.user_id == upload.owner_user_id):
        raise Forbidden("forbidden", "only its owner may delete an upload")
    if not await discard(ctx, upload):
        raise Conflict("in_use", "something shows this upload; delete that first")


async def who_may_read(ctx: Context, user_ids: Collection[str], upload_id: str) -> set[str]:
    """Those of these people who may have the bytes now. `ANYONE` may have profile pictures."""
    upload = await ctx.uploads.find_one({"_id": upload_id, "status": "ready"})
    if upload is None:
        return set()
    allowed = {ANYONE.person} & set(user_ids) if _is_face(upload) else set[str]()
    for user in (await ctx.users.by_ids(user_ids)).values():
        actor = Actor(user.id, user.username, user.role, login_id="")
        if user.active and await readable(ctx, actor, upload):
            allowed.add(user.id)
    return allowed


def describe(ctx: Context, reader: Actor, upload: Upload) -> dict[str, Any]:
    """An upload as the wire has it, its URLs signed for the login of `reader`."""
    thumbnail = upload.thumbnail
    return {
        "id": upload.id,
        "contentType": upload.content_type,
        "size": upload.size,
        "name": upload.name,
        "width": upload.width,
        "height": upload.height,
        "duration": upload.duration_s,
        "url": upload_link(ctx, reader, upload.object_key, upload.name),
        "thumbnail": thumbnail
        and {
            "url": upload_link(ctx, reader, upload.thumbnail_key),
            "width": thumbnail.width,
            "height": thumbnail.height,
        },
    }


def face_url(ctx: Context, upload: Upload) -> str:
    """A profile picture's URL for every reader: people in a room are described to all with the same words.

    It is small, and works for days, but only as long as the picture is somebody's: that is asked at each request.
    """
    key, name = (upload.thumbnail_key, None) if upload.thumbnail else (upload.object_key, upload.name)
    return face_link(ctx, key, name)


# ---------------------------------------------------------------------------------------------- uses


async def mark_used(ctx: Context, upload_id: str, by: Use) -> Upload:
    """Remember that `by` refers to it: it expires no more and the readers of `by` may read it. NotFound."""
    changed = await ctx.uploads.update_one(
        {"_id": upload_id, "status": "ready"},
        set={"used": True, "markedAt": ctx.clock()},
        operators={"$addToSet": {"usedBy": by}},
    )
    if changed is None:
        raise _no_upload()
    return changed


async def doubt(ctx: Context, upload_ids: Sequence[str]) -> None:
    """A use of theirs is about to end: should that be cut off, it is found (`upload_expiry`)."""
    await ctx.uploads.update_many({"_id": {"$in": list(upload_ids)}}, set={"markedAt": ctx.clock()}, edits=False)


async def release(ctx: Context, upload_id: str, by: Use) -> None:
    """`by` refers to it no more; what nothing uses expires."""
    use = to_stored(by)
    while True:
        # Each step is whole by itself: a use that goes never leaves an upload used by nothing.
        last = {"_id": upload_id, "usedBy": [use]}
        if await ctx.uploads.update_one(last, set={"used": False, "usedBy": []}):
            return
        one_of_several = {"_id": upload_id, "usedBy": use, "usedBy.1": {"$exists": True}}
        if await ctx.uploads.update_one(one_of_several, operators={"$pull": {"usedBy": use}}):
            return
        if not await ctx.uploads.exists({"_id": upload_id, "usedBy": use}):
            return


async def owned(
    ctx: Context, owner_id: str, upload_ids: Sequence[str], locs: Sequence[str] | None = None
) -> list[Upload]:
    """The uploads with these ids, in their order. Invalid names each that is no ready upload of that owner.

    `locs` are the fields in which the ids stood: `uploads.0`, `uploads.1` and so on when not given.
    """
    wanted = list(set(upload_ids))
    ready = {"_id": {"$in": wanted}, "ownerUserId": owner_id, "status": "ready"}
    by_id = {upload.id: upload for upload in await ctx.uploads.find(ready)} if wanted else {}
    _refuse_missing(upload_ids, by_id, locs)
    return [by_id[upload_id] for upload_id in upload_ids]


async def use_all(
    ctx: Context, owner_id: str, upload_ids: Sequence[str], by: Use, locs: Sequence[str] | None = None
) -> list[Upload]:
    """Mark all of them used, or none: as `owned`, which says what `locs` are. What `by` uses already stays so."""
    found = await owned(ctx, owner_id, upload_ids, locs)
    now_used, fresh = {upload.id: upload for upload in found}, list[str]()
    try:
        for upload in found:
            if by not in now_used[upload.id].used_by:
                fresh.append(upload.id)
                now_used[upload.id] = await mark_used(ctx, upload.id, by)
    except BaseException as error:
        with contextlib.suppress(Unavailable):  # better kept than missing
            await release_all(ctx, fresh, by)
        if isinstance(error, NotFound):  # it expired just now
            del now_used[fresh[-1]]
            _refuse_missing(upload_ids, now_used, locs)
        raise
    return [now_used[upload_id] for upload_id in upload_ids]


async def release_all(ctx: Context, upload_ids: Sequence[str], by: Use) -> None:
    """`by` refers to none of these any more."""
    for upload_id in dict.fromkeys(upload_ids):
        await release(ctx, upload_id, by)


async def release_every(ctx: Context, by: Use) -> None:
    """`by` refers to no upload any more, however many it referred to."""
    use = to_stored(by)
    while await ctx.uploads.exists({"usedBy": use}):
        # As with one: each step is whole by itself. What another use lets go of in between is found next time.
        await ctx.uploads.update_many({"usedBy": [use]}, set={"used": False, "usedBy": []})
        several = {"usedBy": use, "usedBy.1": {"$exists": True}}
        await ctx.uploads.update_many(several, operators={"$pull": {"usedBy": use}})


def _refuse_missing(ids: Sequence[str], found: Mapping[str, Upload], locs: Sequence[str] | None) -> None:
    places = locs or [f"uploads.{position}" for position in range(len(ids))]
    faults = [
        FieldError(loc, "must be the id of an upload of yours")
        for upload_id, loc in zip(ids, places, strict=True)
        if upload_id not in found
    ]
    if faults:
        raise Invalid("invalid", "some uploads cannot be used", faults)


# ---------------------------------------------------------------------------------------------- rights


async def _ready(ctx: Context, upload_id: str) -> Upload:
    upload = await ctx.uploads.find_one({"_id": upload_id, "status": "ready"})
    if upload is None:
        raise _no_upload()
    return upload


def _no_upload() -> NotFound:
    return NotFound("upload_not_found", "there is no such upload")


def _is_private(upload: Upload) -> bool:
    return bool(upload.used_by) and all(use.kind == DirectMessage.collection for use in upload.used_by)


def _is_face(upload: Upload) -> bool:
    return upload.metadata != METADATA_STUCK and any(use.kind == "profile" for use in upload.used_by)


async def readable(ctx: Context, actor: Actor, upload: Upload) -> bool:
    """Whoever may read what shows it, and admins, unless private messages alone do.

    A file that may still tell where it was made is for its owner only.
    """
    if actor.user_id == upload.owner_user_id:
        return True
    if upload.metadata == METADATA_STUCK:
        return False
    if actor.is_admin and not _is_private(upload):
        return True
    for use in upload.used_by:
        reader = _READERS.get(use.kind)
        if reader is not None and await reader(ctx, actor.user_id, use.id):
            return True
        if reader is None and await read_access.may_read(ctx, actor, use.kind, use.id):
            return True
    return False


async def _in_session(ctx: Context, user_id: str, session_id: str) -> bool:
    """Whoever was admitted to it, not removed and still takes its course, and its moderator."""
    session = await ctx.sessions.find_one({"_id": session_id})
    if session is None or user_id == session.moderator_user_id:
        return session is not None
    taking_part = {"sessionId": session_id, "userId": user_id, "removedAt": None}
    return await ctx.participants.exists(taking_part) and await course_access.passes(ctx, user_id, session)


async def _anyone(ctx: Context, user_id: str, used_id: str) -> bool:
    return True


_READERS: dict[str, Reader] = {"session": _in_session, "profile": _anyone}
"""Who may read what a use of a kind shows, where that is not whoever may read the document."""
