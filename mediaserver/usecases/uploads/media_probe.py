"""Take metadata out of files; how large pictures and videos are, how long sound and video, and a thumbnail.

All of this is done by a short-lived process.

The files are strangers': a decoder that crashes, hangs or grows takes nothing else with it. Format and demuxer
are chosen by us, so that no file can name others (as playlists do) to be read.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mediaserver.base.limits.fair_queue import FairQueue
from mediaserver.domain.uploads import media_types
from mediaserver.domain.uploads.media_types import HEAD_BYTES, MAX_PIXELS, PICTURE_FORMATS
from mediaserver.usecases.uploads import probe_process

_WALL_S = 30.0
_AT_ONCE = max(2, os.cpu_count() or 1)
_QUEUES: WeakKeyDictionary[asyncio.AbstractEventLoop, FairQueue] = WeakKeyDictionary()
_MAX_THUMBNAIL_BYTES = 4 << 20

Pixels = Annotated[int, Field(gt=0, le=1 << 31)]


class Probed(BaseModel):
    """What that process says. It may have been taken over by what it read: believed only in these bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    removed: Annotated[int, Field(ge=0)] | None = None
    """How many places of the file were changed to take its metadata out; None: that was not done."""
    damage: Annotated[str, Field(max_length=200)] | None = None
    """Why it could not be done."""
    understood: bool = False
    """The file is what it begins as."""
    has_video: bool = False
    width: Pixels | None = None
    height: Pixels | None = None
    duration_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    thumbnail: tuple[Pixels, Pixels] | None = None
    """Width and height of the one that was written."""


async def probe_picture(path: Path, content_type: str, thumbnail: Path, owner_id: str) -> Probed | None:
    """Take its metadata out of the picture at `path`, decode it and write its thumbnail. None: nothing is known.

    The processes are shared fairly between owners of files, so nobody's bombs keep other people's files waiting.
    """
    return await _probe(probe_process.PICTURE + PICTURE_FORMATS[content_type], path, thumbnail, owner_id)


async def probe_media(path: Path, demuxer: str, thumbnail: Path, owner_id: str) -> Probed | None:
    """Take its metadata out of the sound or video file, tell what it holds and write a poster."""
    return await _probe(demuxer, path, thumbnail, owner_id)


async def strip_file(path: Path, owner_id: str) -> Probed | None:
    """Take its metadata out of a file that is not shown, such as a picture that browsers do not know."""
    return await _probe(probe_process.FILE, path, path.with_name("thumbnail.webp"), owner_id)


async def _probe(form: str, path: Path, thumbnail: Path, owner_id: str) -> Probed | None:
    queue = _QUEUES.setdefault(asyncio.get_running_loop(), FairQueue(_AT_ONCE, max(1, _AT_ONCE // 2)))
    async with queue.turn(owner_id):
        said = await _last_line_of(form, str(path), str(thumbnail), str(MAX_PIXELS))
    try:
        probed = Probed.model_validate_json(said)
    except ValidationError:
        return None
    if probed.thumbnail and not await asyncio.to_thread(_is_thumbnail, thumbnail):
        return probed.model_copy(update={"thumbnail": None})
    return probed


async def _last_line_of(*arguments: str) -> bytes:
    """What the process printed last until it ended, or was ended; empty when it said nothing."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        probe_process.__name__,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    last = b""
    try:
        async with asyncio.timeout(_WALL_S):
            async for line in process.stdout:
                last = line
            await process.wait()
    except (TimeoutError, ValueError):  # it took too long; a line without end
        pass
    finally:
        if process.returncode is None:
            process.kill()
        while await process.stdout.read(1 << 16):
            pass  # what nobody reads would keep `wait` waiting
        await process.wait()
    return last


def _is_thumbnail(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            is_webp = media_types.sniff(file.read(HEAD_BYTES)) == "image/webp"
        return is_webp and path.stat().st_size <= _MAX_THUMBNAIL_BYTES
    except OSError:
        return False
