"""Free disk space, and the part of it that people's files must leave for recordings and documents."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mediaserver.base.errors import InsufficientStorage

log = logging.getLogger(__name__)

FreeBytes = Callable[[Path], int]
"""How many bytes an ordinary user may still write to the file system of a directory. Raises OSError."""

_MIB: Final = 1 << 20


def free_bytes(directory: Path) -> int:
    return shutil.disk_usage(directory).free


class DiskReserve:
    """Refuses files that would leave less than `reserve_bytes` free on the file system of `directory`."""

    def __init__(self, directory: Path, reserve_bytes: int, free: FreeBytes = free_bytes) -> None:
        self._directory, self._reserve_bytes, self._free = directory, reserve_bytes, free
        self._short = False
        self.hold: Callable[[], bool] = lambda: False
        """Whether files are refused in any case: a recording is about to be stopped because the disk fills up."""

    def require(self, size: int) -> None:
        """Check that `size` more bytes leave the reserve untouched. It touches the disk: not for an event loop.

        Raises InsufficientStorage `disk_reserve`.
        """
        free = self._free(self._directory)
        short = self.hold() or free - size < self._reserve_bytes
        if short and not self._short:
            log.warning(
                "uploads are refused: too little free disk",
                extra={"free_mib": free // _MIB, "reserve_mib": self._reserve_bytes // _MIB},
            )
        self._short = short
        if short:
            raise InsufficientStorage(
                "disk_reserve", "The server is short of disk space and takes no files now. Try again later."
            )
