"""Objects in a local directory: one file each, and a file with its content type beside, under `.types/`.

Every file is written elsewhere, synced and renamed, so an object is whole also after a power cut.
"""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from mediaserver.base.errors import Unavailable
from mediaserver.base.secrets import sync_directory
from mediaserver.store.objects.interface import (
    CHUNK_BYTES,
    Listed,
    ObjectInfo,
    PresignedPut,
    absent,
    is_key,
    opened,
)

R = TypeVar("R")

_LEFTOVER_S = 86400.0
_UNKNOWN_TYPE = "application/octet-stream"


class LocalObjects:
    """An `ObjectStore` under `root`; several processes may use it at once."""

    def __init__(self, root: Path) -> None:
        """Makes the directory. Raises OSError."""
        self._root = root
        self._types = root / ".types"
        self._fresh = root / ".fresh"
        for directory in (root, self._types, self._fresh):
            directory.mkdir(parents=True, exist_ok=True)
        _sweep(self._fresh)

    async def put_file(self, key: str, path: Path, content_type: str) -> ObjectInfo:
        return await self._run(self._put_file, key, path, content_type)

    async def put_bytes(self, key: str, content: bytes, content_type: str) -> ObjectInfo:
        return await self._run(self._put, key, _writing(content), content_type)

    async def stat(self, key: str) -> ObjectInfo:
        return await self._run(self._stat, key)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        file = await opened(self._run(self._open, key, start), lambda late: late.close())
        left = None if end is None else end - start
        try:
            while left is None or left > 0:
                chunk = await self._run(file.read, CHUNK_BYTES if left is None else min(left, CHUNK_BYTES))
                if not chunk:
                    return
                yield chunk
                left = None if left is None else left - len(chunk)
        finally:
            file.close()

    async def delete(self, key: str) -> None:
        await self._run(self._delete, key)

    async def list(self, prefix: str) -> AsyncIterator[Listed]:
        for one in await self._run(lambda: sorted(self._walk(prefix), key=lambda listed: listed.key)):
            yield one

    async def presigned_url(
        self, key: str, ttl_s: int, content_type: str, disposition: str | None = None
    ) -> str | None:
        return None

    async def presigned_put(self, key: str, ttl_s: int, content_type: str, size: int) -> PresignedPut | None:
        return None

    async def check(self) -> None:
        def probe() -> None:
            with tempfile.TemporaryFile(dir=self._fresh) as file:
                file.write(b"probe")

        await self._run(probe)

    async def close(self) -> None:
        """Nothing is held open."""

    async def _run(self, work: Callable[..., R], *args: object) -> R:
        """Files are slow at times: never on the event loop."""
        try:
            return await asyncio.to_thread(work, *args)
        except OSError as error:
            raise Unavailable(
                "objects_unavailable", f"the object directory {self._root} failed: {error.strerror}"
            ) from error

    def _path(self, key: str) -> Path:
        if not is_key(key):
            raise absent(key)
        return self._root / key

    def _put_file(self, key: str, path: Path, content_type: str) -> ObjectInfo:
        """Link the file where that is possible: a large one then needs no disk space a second time."""
        assert is_key(key), f"{key!r} is no object key"
        fresh = Path(tempfile.mkdtemp(dir=self._fresh), "object")
        try:
            try:
                os.link(path, fresh)
            except OSError:  # another file system, or one without links
                return self._put(key, _copying(path), content_type)
            fresh.chmod(0o600)
            with fresh.open("rb") as file:
                os.fsync(file.fileno())
            self._write(self._types / key, _writing(content_type.encode()))
            self._move(fresh, self._root / key)
        finally:
            shutil.rmtree(fresh.parent, ignore_errors=True)
        return self._stat(key)

    def _put(self, key: str, fill: Callable[[BinaryIO], None], content_type: str) -> ObjectInfo:
        assert is_key(key), f"{key!r} is no object key"
        # The type first: an object that is there always has its type.
        self._write(self._types / key, _writing(content_type.encode()))
        self._write(self._root / key, fill)
        return self._stat(key)

    def _write(self, path: Path, fill: Callable[[BinaryIO], None]) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._fresh)
        try:
            with os.fdopen(descriptor, "wb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            self._move(Path(name), path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _move(self, fresh: Path, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.replace(path)
        sync_directory(path.parent)

    def _stat(self, key: str) -> ObjectInfo:
        path = self._path(key)
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise absent(key) from None
        if not path.is_file():
            raise absent(key)
        try:
            content_type = (self._types / key).read_text("utf-8")
        except FileNotFoundError:
            content_type = _UNKNOWN_TYPE
        # Each write makes a new file, so time, size and inode together name its bytes.
        etag = f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"
        return ObjectInfo(found.st_size, content_type, etag, datetime.fromtimestamp(int(found.st_mtime), UTC))

    def _open(self, key: str, start: int) -> BinaryIO:
        try:
            file = self._path(key).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise absent(key) from None
        file.seek(start)
        return file

    def _delete(self, key: str) -> None:
        for path in (self._path(key), self._types / key):
            if path.is_file():
                path.unlink(missing_ok=True)
            self._prune(path.parent)

    def _prune(self, directory: Path) -> None:
        """Remove directories that are left empty."""
        while directory not in (self._root, self._types):
            try:
                directory.rmdir()
            except OSError:  # not empty, or gone
                return
            directory = directory.parent

    def _walk(self, prefix: str) -> Iterator[Listed]:
        base = self._root / prefix.rpartition("/")[0] if is_key(prefix.rstrip("/")) else self._root
        for directory, below, files in os.walk(base):
            below[:] = [name for name in below if not name.startswith(".")]
            for name in files:
                path = Path(directory, name)
                key = path.relative_to(self._root).as_posix()
                if key.startswith(prefix) and path.exists():
                    yield Listed(key, path.stat().st_size)


def _sweep(directory: Path) -> None:
    """Remove what writers left that were killed; those who write now stay undisturbed."""
    for left in directory.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _LEFTOVER_S:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def _copying(path: Path) -> Callable[[BinaryIO], None]:
    def copy(target: BinaryIO) -> None:
        with path.open("rb") as source:
            shutil.copyfileobj(source, target, 1 << 20)

    return copy


def _writing(content: bytes) -> Callable[[BinaryIO], None]:
    def write(file: BinaryIO) -> None:
        file.write(content)

    return write
