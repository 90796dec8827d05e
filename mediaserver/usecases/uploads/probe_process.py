"""The short-lived process that looks at one stranger's file: little memory, little time, no privileges to lose.

It takes the metadata out of the file first, then looks at what is left. Each line it prints is all that it knows
so far, as JSON: what it knew before it was ended still counts.
"""

import contextlib
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from mediaserver.domain.uploads.metadata import Damaged
from mediaserver.usecases.uploads import metadata_removal

CPU_S = 10
_MEMORY = 1 << 30
_WRITTEN = 8 << 20
_GROWTH = 1 << 20
_FILES = 32
PICTURE = "picture:"
"""Before Pillow's name of a format."""
FILE = "file:"
"""A file that is not shown: only its metadata is taken out. Everything else is a name of a demuxer."""


def main(form: str, path: str, thumbnail: str, max_pixels: str) -> None:
    _bound(Path(path))
    look = _picture if form.startswith(PICTURE) else _file if form == FILE else _media
    look(form.removeprefix(PICTURE), Path(path), Path(thumbnail), int(max_pixels))


def _file(form: str, path: Path, target: Path, max_pixels: int) -> None:
    _bound_memory()
    _strip(path)


def _picture(form: str, path: Path, target: Path, max_pixels: int) -> None:
    from mediaserver.usecases.uploads import thumbnails

    _bound_memory()
    removed = _strip(path)
    size, small = thumbnails.of_picture(path, form, target, max_pixels)
    _tell(removed=removed, understood=True, width=size[0], height=size[1], thumbnail=small)


def _media(demuxer: str, path: Path, target: Path, max_pixels: int) -> None:
    import av

    from mediaserver.usecases.uploads import posters

    av.logging.set_level(None)
    _bound_memory()
    removed = _strip(path)
    found = posters.read(path, demuxer) | {"removed": removed, "understood": True}
    _tell(**found)
    if not found["has_video"] or (found["width"] or 0) * (found["height"] or 0) > max_pixels:
        return
    made = posters.of_video(path, demuxer, target, max_pixels)
    if made is not None:
        (width, height), small = made
        _tell(**found | {"width": width, "height": height}, thumbnail=small)


def _strip(path: Path) -> int:
    """Ends the process when that is not possible: nothing else may be said of such a file."""
    try:
        removed = metadata_removal.remove(path)
    except Damaged as error:
        _tell(damage=str(error))
        sys.exit()
    _tell(removed=removed)
    return removed


def _tell(**known: Any) -> None:
    sys.stdout.write(json.dumps(known) + "\n")
    sys.stdout.flush()


def _bound(path: Path) -> None:
    written = max(_WRITTEN, path.stat().st_size + _GROWTH)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
    os.nice(10)  # running sessions come first
    with contextlib.suppress(OSError):  # and when memory ends, it ends here
        Path("/proc/self/oom_score_adj").write_text("1000")


def _bound_memory() -> None:
    """Once the libraries are mapped."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


if __name__ == "__main__":
    main(*sys.argv[1:])
