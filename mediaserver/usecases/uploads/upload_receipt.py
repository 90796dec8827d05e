"""Taking in a stranger's file: as many bytes as its true type may have, then what it is, without its metadata."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mediaserver.base.errors import FieldError, Invalid, TooLarge, Unavailable
from mediaserver.base.processes.disk import DiskReserve
from mediaserver.base.settings.tree import Uploads
from mediaserver.domain.uploads import media_types, metadata
from mediaserver.domain.uploads.media_types import HEAD_BYTES, MAX_PIXELS, TEXT, UNKNOWN
from mediaserver.domain.uploads.uploads import Thumbnail
from mediaserver.usecases.uploads import media_probe
from mediaserver.usecases.uploads.media_probe import Probed


@dataclass(frozen=True, slots=True)
class Arrived:
    """A whole file on our disk, without metadata."""

    path: Path
    size: int
    content_type: str
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    thumbnail: Thumbnail | None = None
    """Its file is at `thumbnail_of(path)`."""


def thumbnail_of(path: Path) -> Path:
    return path.with_name("thumbnail.webp")


async def receive(
    chunks: AsyncIterator[bytes], path: Path, limits: Uploads, room: int, owner_id: str, disk: DiskReserve
) -> Arrived:
    """Write `chunks` to `path`, at most `room` bytes (what its owner may still keep), and look what they are.

    TooLarge naming the limit, Invalid for nothing or a bomb, InsufficientStorage, Unavailable.
    """
    try:
        with path.open("wb") as file:
            size, head = await _write(chunks, file, limits, room, disk)
    except OSError as error:
        if isinstance(error, ConnectionError):  # the client, not the disk
            raise
        raise Unavailable("storage_failed", f"the upload cannot be kept: {error.strerror}") from error
    if not size:
        raise Invalid("invalid", "the file is empty", [FieldError("file", "is empty")])
    arrived = await _look(path, size, head, owner_id)
    refuse_too_large(arrived.content_type, size, limits)
    return arrived


def refuse_too_large(content_type: str, size: int, limits: Uploads, loc: str = "file") -> None:
    """TooLarge `too_large` when a file of this type may not have that many bytes."""
    kind = media_types.class_of(content_type)
    limit: int = getattr(limits, f"max_{kind}_bytes")
    if size > limit:
        said = f"{content_type}: at most {limit:,} bytes (uploads.max_{kind}_bytes)"
        raise TooLarge("too_large", f"the file is too large; {said}", [FieldError(loc, said)])


def quota_exceeded(limits: Uploads) -> TooLarge:
    said = f"one person may keep {limits.max_bytes_per_person:,} bytes (uploads.max_bytes_per_person)"
    return TooLarge("quota_exceeded", f"there is no room for this file: {said}", [FieldError("file", said)])


async def _write(
    chunks: AsyncIterator[bytes], file: BinaryIO, limits: Uploads, room: int, disk: DiskReserve
) -> tuple[int, bytes]:
    def write(chunk: bytes) -> None:
        disk.require(len(chunk))
        file.write(chunk)

    head, size, content_type = bytearray(), 0, ""
    async for chunk in chunks:
        size += len(chunk)
        if size > room:
            raise quota_exceeded(limits)
        if not content_type:
            head += chunk[: HEAD_BYTES - len(head)]
            content_type = media_types.sniff(bytes(head)) if len(head) == HEAD_BYTES else ""
        if content_type:
            refuse_too_large(content_type, size, limits)
        await asyncio.to_thread(write, chunk)
    return size, bytes(head)


async def _look(path: Path, size: int, head: bytes, owner_id: str) -> Arrived:
    """What is not what it begins as is a plain file."""
    content_type = media_types.sniff(head)
    if content_type in media_types.PICTURE_FORMATS:
        probed = await media_probe.probe_picture(path, content_type, thumbnail_of(path), owner_id)
    elif demuxer := media_types.DEMUXERS.get(content_type):
        probed = await media_probe.probe_media(path, demuxer, thumbnail_of(path), owner_id)
    elif content_type != TEXT and metadata.may_have_metadata(head):
        probed = await media_probe.strip_file(path, owner_id)
    else:
        return Arrived(path, size, content_type)
    probed = _stripped(probed)
    size = (await asyncio.to_thread(path.stat)).st_size
    if not probed.understood:
        return Arrived(path, size, UNKNOWN)
    content_type = media_types.with_video(content_type, probed.has_video)
    _refuse_bomb(content_type, probed.width or 0, probed.height or 0)
    thumbnail = Thumbnail(width=probed.thumbnail[0], height=probed.thumbnail[1]) if probed.thumbnail else None
    return Arrived(path, size, content_type, probed.width, probed.height, probed.duration_s, thumbnail)


def _stripped(probed: Probed | None) -> Probed:
    """Invalid `metadata_not_removable` when the file may still tell where it was made."""
    if probed is not None and probed.removed is not None:
        return probed
    why = f" ({probed.damage})" if probed is not None and probed.damage else ""
    raise Invalid(
        "metadata_not_removable",
        f"The file is damaged{why}: its metadata, such as the place where a photo was taken, cannot be removed. "
        "Open it in another program, save it again and upload that file.",
        [FieldError("file", "is damaged")],
    )


def _refuse_bomb(content_type: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        said = f"has {width} × {height} pixels; at most {MAX_PIXELS:,} are allowed"
        kind = media_types.class_of(content_type)
        raise Invalid(f"{kind}_too_large", f"the {kind} {said}", [FieldError("file", said)])
