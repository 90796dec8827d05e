"""Uploads over REST: one file of a multipart form, streamed to disk; never more at once than the server bears."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated

from aiohttp import BodyPartReader, web
from pydantic import Field, StringConstraints

from mediaserver.api.bodies import Body
from mediaserver.api.endpoint import Answer, Call, Endpoint
from mediaserver.api.views import PresignedView, UploadView
from mediaserver.base.clock import rfc3339
from mediaserver.base.errors import (
    BadRequest,
    FieldError,
    Invalid,
    TooLarge,
    TooMany,
    Unavailable,
    UnsupportedMedia,
)
from mediaserver.base.settings import Uploads
from mediaserver.domain.media_types import MediaType
from mediaserver.usecases import presigned, uploads

_IN_FLIGHT = 32
_IN_FLIGHT_PER_PERSON = 4
_CHUNK = 256 * 1024
_IDLE_S = 30.0
_FORM_BYTES = 64 * 1024  # what a form takes beside its file
_BROKEN = BadRequest("malformed", "the body is not a multipart form, or it ends too early")


class Announcement(Body):
    """A file that will be put straight into the bucket."""

    name: Annotated[str, StringConstraints(max_length=1000)]
    content_type: MediaType
    size: int = Field(ge=1, lt=1 << 53, description="Bytes, exactly.")


class UploadDesk:
    """Handles the calls and counts the uploads under way."""

    def __init__(self) -> None:
        self._under_way: Counter[str] = Counter()

    async def create(self, call: Call) -> Answer:
        request, limits = call.request, call.context.settings.uploads
        if request.content_type != "multipart/form-data":
            raise UnsupportedMedia("unsupported_media_type", "the body must be multipart/form-data")
        _refuse_early(request, limits)
        with self._place(call.actor.user_id):
            part = await _file_part(request)
            name = part.filename or "file"
            upload = await uploads.create(call.context, call.actor, name, _chunks(part))
        data = uploads.describe(call.context, call.actor.user_id, upload)
        return Answer(data, location=f"/uploads/{upload.id}", status=201)

    async def announce(self, call: Call) -> Answer:
        body = call.body
        made = await presigned.announce(call.context, call.actor, body.name, body.content_type, body.size)
        data = {
            "id": made.upload.id,
            "method": "PUT",
            "url": made.put.url,
            "headers": made.put.headers,
            "expiresAt": rfc3339(made.expires_at),
        }
        return Answer(data, location=f"/uploads/{made.upload.id}", status=201)

    async def complete(self, call: Call) -> Answer:
        with self._place(call.actor.user_id):
            upload = await presigned.complete(call.context, call.actor, call.id())
        return Answer(uploads.describe(call.context, call.actor.user_id, upload))

    async def show(self, call: Call) -> Answer:
        upload = await uploads.get(call.context, call.actor, call.id())
        return Answer(uploads.describe(call.context, call.actor.user_id, upload))

    async def delete(self, call: Call) -> Answer:
        await uploads.delete(call.context, call.actor, call.id())
        return Answer(status=204)

    @contextmanager
    def _place(self, person: str) -> Iterator[None]:
        if self._under_way[person] >= _IN_FLIGHT_PER_PERSON:
            raise TooMany("too_many_uploads", f"at most {_IN_FLIGHT_PER_PERSON} uploads at once", 1.0)
        if self._under_way.total() >= _IN_FLIGHT:
            raise Unavailable("busy", "the server is taking as many uploads as it can; try again in a moment")
        self._under_way[person] += 1
        try:
            yield
        finally:
            self._under_way[person] -= 1
            self._under_way += Counter()  # forget those with none


def endpoints() -> tuple[Endpoint, ...]:
    desk, tag = UploadDesk(), "Uploads"
    return (
        Endpoint(
            "POST",
            "/uploads",
            "Upload one file: the form's field `file`. Its type is read from its bytes.",
            desk.create,
            tag,
            status=201,
            answer=UploadView,
            consumes="multipart/form-data",
            errors=(400, 413, 415, 422, 429, 503),
        ),
        Endpoint(
            "POST",
            "/uploads/presign",
            "Announce a file and get a URL to put it straight into the bucket; where there is one.",
            desk.announce,
            tag,
            status=201,
            body=Announcement,
            answer=PresignedView,
            errors=(409, 429),
        ),
        Endpoint(
            "POST",
            "/uploads/{id}/complete",
            "Say that the bytes of an announced upload are there: they are looked at, then kept or refused.",
            desk.complete,
            tag,
            answer=UploadView,
            errors=(403, 404, 409, 413, 429),
        ),
        Endpoint(
            "GET",
            "/uploads/{id}",
            "An upload of one's own, or one used where one may read.",
            desk.show,
            tag,
            answer=UploadView,
            errors=(403, 404),
        ),
        Endpoint(
            "DELETE",
            "/uploads/{id}",
            "Delete an upload that nothing uses.",
            desk.delete,
            tag,
            status=204,
            errors=(403, 404, 409),
        ),
    )


def _refuse_early(request: web.Request, limits: Uploads) -> None:
    """What is larger than anything may be is refused before it is read."""
    names = ("max_image_bytes", "max_video_bytes", "max_audio_bytes", "max_file_bytes")
    name = max(names, key=lambda one: getattr(limits, one))
    limit: int = getattr(limits, name)
    if (request.content_length or 0) > limit + _FORM_BYTES:
        said = f"at most {limit:,} bytes (uploads.{name})"
        raise TooLarge("too_large", f"the file is too large; {said}", [FieldError("file", said)])


async def _file_part(request: web.Request) -> BodyPartReader:
    """The form's one part."""
    try:
        async with asyncio.timeout(_IDLE_S):
            part = await (await request.multipart()).next()
    except (ValueError, AssertionError, TimeoutError, web.HTTPException):
        raise _BROKEN from None
    if part is None or not isinstance(part, BodyPartReader) or part.name != "file":
        raise Invalid("invalid", "the form has one field, `file`", [FieldError("file", "is required")])
    if part.filename is None:
        raise Invalid("invalid", "the field `file` is no file", [FieldError("file", "must be a file")])
    return part


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while not part.at_eof():
        try:
            async with asyncio.timeout(_IDLE_S):
                chunk = await part.read_chunk(_CHUNK)
        except (ValueError, AssertionError, TimeoutError, web.HTTPException):
            raise _BROKEN from None
        if chunk:
            yield chunk
