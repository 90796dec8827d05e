"""Uploads over REST: one file of a multipart form, streamed to disk, at a minimum rate and from a bounded number
of people at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Annotated

from aiohttp import BodyPartReader, hdrs, web
from pydantic import Field, StringConstraints

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.file_names import file_name
from mediaserver.api.declarations.operation import Accepts, Returns
from mediaserver.api.declarations.views import PresignedView, UploadView
from mediaserver.api.files.transfer_places import Places
from mediaserver.api.middleware.encoded_bodies import require_plain_part
from mediaserver.base.clock import rfc3339
from mediaserver.base.errors import (
    BadRequest,
    FieldError,
    Invalid,
    TooLarge,
    TooSlow,
    UnsupportedMedia,
)
from mediaserver.base.limits.fair_places import FairPlaces, PlaceLimits, Transfer
from mediaserver.base.limits.minimum_rate import MinimumRate
from mediaserver.base.settings.tree import Uploads
from mediaserver.domain.uploads.media_types import MediaType
from mediaserver.usecases.uploads import presigned, uploads

_CHUNK = 256 * 1024
_FORM_BYTES = 64 * 1024  # what a form takes beside its file
_BROKEN = BadRequest("malformed", "the body is not a multipart form, or it ends too early")


class Announcement(Body):
    """A file that will be put straight into the bucket."""

    name: Annotated[str, StringConstraints(max_length=1000)]
    content_type: MediaType
    size: int = Field(ge=1, lt=1 << 53, description="Bytes, exactly.")


class UploadDesk:
    """Handles the calls. Uploads under way each hold a place, which may be given to somebody else."""

    def __init__(self) -> None:
        self._places: Places | None = None

    async def create(self, call: Call) -> Answer:
        """Upload one file as `multipart/form-data` with a single field, `file`. The content type is detected from
        the bytes, not taken from the form. Uploads that nothing references are deleted after a day (setting
        `uploads.unused_ttl_s`); exceeding the quota returns 413 `quota_exceeded`.
        """
        request, limits = call.request, call.context.settings.uploads
        if request.content_type != "multipart/form-data":
            raise UnsupportedMedia("unsupported_media_type", "the body must be multipart/form-data")
        _refuse_early(request, limits)
        async with self._place(call) as transfer:
            await asyncio.to_thread(call.context.disk.require, request.content_length or 0)
            source = _Source(request, transfer, limits)
            part, name = await source.file_part()
            upload = await uploads.create(call.context, call.actor, name or "file", source.chunks(part))
        data = uploads.describe(call.context, call.actor, upload)
        return Answer(data, location=f"/uploads/{upload.id}", status=201)

    async def announce(self, call: Call) -> Answer:
        """Announce a file and get a presigned URL for a PUT of its bytes straight into the bucket, where the
        server stores files in one. Call `complete` afterwards.
        """
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
        """Confirm that the bytes of an announced upload are in the bucket. The server inspects them and then
        accepts or refuses the upload.
        """
        async with self._place(call):
            upload = await presigned.complete(call.context, call.actor, call.id())
        return Answer(uploads.describe(call.context, call.actor, upload))

    async def show(self, call: Call) -> Answer:
        """Return an upload of your own, or one that is used in something you may read."""
        upload = await uploads.get(call.context, call.actor, call.id())
        return Answer(uploads.describe(call.context, call.actor, upload))

    async def delete(self, call: Call) -> Answer:
        """Delete an upload that nothing uses. Only its owner and admins may do this."""
        await uploads.delete(call.context, call.actor, call.id())
        return Answer(status=204)

    def _place(self, call: Call) -> AbstractAsyncContextManager[Transfer]:
        limits = call.context.settings.uploads
        if self._places is None:
            shares = PlaceLimits(
                limits.max_concurrent, limits.max_concurrent_per_person, limits.max_concurrent_per_address
            )
            self._places = Places(FairPlaces(shares, "uploads"), "upload_displaced")
        return self._places.hold(call, limits.max_duration_s)


class _Source:
    """The bytes of one request, waited for only as long as they come at the minimum rate."""

    def __init__(self, request: web.Request, transfer: Transfer, limits: Uploads) -> None:
        self._request, self._transfer, self._limits = request, transfer, limits
        self._rate = MinimumRate(limits.min_bytes_per_s, limits.slow_grace_s)

    async def file_part(self) -> tuple[BodyPartReader, str]:
        """The form's first part, which must be the file, and its name."""
        try:
            async with asyncio.timeout(self._rate.patience_s):
                part = await (await self._request.multipart()).next()
        except TimeoutError:
            raise self._too_slow() from None
        except (ValueError, AssertionError, web.HTTPException):
            raise _BROKEN from None
        if part is None or not isinstance(part, BodyPartReader) or part.name != "file":
            raise Invalid("invalid", "the form has one field, `file`", [FieldError("file", "is required")])
        name = file_name(part.headers.get(hdrs.CONTENT_DISPOSITION, ""))
        if name is None:
            raise Invalid("invalid", "the field `file` is no file", [FieldError("file", "must be a file")])
        require_plain_part(part.headers)
        return part, name

    async def chunks(self, part: BodyPartReader) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        while not part.at_eof():
            began_s = loop.time()
            try:
                async with asyncio.timeout(self._rate.patience_s):
                    chunk = await part.read_chunk(_CHUNK)
            except TimeoutError:
                raise self._too_slow() from None
            except (ValueError, AssertionError, web.HTTPException):
                raise _BROKEN from None
            self._rate.received(len(chunk), loop.time() - began_s)
            self._transfer.transferred += len(chunk)
            if chunk:
                yield chunk

    def _too_slow(self) -> TooSlow:
        rate, grace_s = self._limits.min_bytes_per_s, self._limits.slow_grace_s
        return TooSlow(
            "too_slow",
            f"The file arrived at less than {rate:,} bytes a second for {grace_s:g} seconds. "
            "Check your connection and try again.",
        )


def _refuse_early(request: web.Request, limits: Uploads) -> None:
    """What is larger than anything may be is refused before it is read."""
    names = ("max_image_bytes", "max_video_bytes", "max_audio_bytes", "max_file_bytes")
    name = max(names, key=lambda one: getattr(limits, one))
    limit: int = getattr(limits, name)
    if (request.content_length or 0) > limit + _FORM_BYTES:
        said = f"at most {limit:,} bytes (uploads.{name})"
        raise TooLarge("too_large", f"the file is too large; {said}", [FieldError("file", said)])


def endpoints() -> tuple[Endpoint, ...]:
    desk, tag = UploadDesk(), "Uploads"
    return (
        Endpoint(
            "POST",
            "/uploads",
            "Upload a file",
            desk.create,
            tag,
            accepts=Accepts(consumes="multipart/form-data"),
            returns=Returns(status=201, model=UploadView, errors=(400, 408, 413, 415, 422, 429, 503, 507)),
        ),
        Endpoint(
            "POST",
            "/uploads/presign",
            "Get a presigned URL for an upload",
            desk.announce,
            tag,
            accepts=Accepts(body=Announcement),
            returns=Returns(status=201, model=PresignedView, errors=(409, 429)),
            name="presignUpload",
        ),
        Endpoint(
            "POST",
            "/uploads/{id}/complete",
            "Complete a presigned upload",
            desk.complete,
            tag,
            returns=Returns(model=UploadView, errors=(403, 404, 408, 409, 413, 429, 507)),
        ),
        Endpoint(
            "GET",
            "/uploads/{id}",
            "Read one upload",
            desk.show,
            tag,
            returns=Returns(model=UploadView, errors=(403, 404)),
        ),
        Endpoint(
            "DELETE",
            "/uploads/{id}",
            "Delete an upload",
            desk.delete,
            tag,
            returns=Returns(status=204, errors=(403, 404, 409)),
        ),
    )
