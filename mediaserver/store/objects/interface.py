"""What a store of objects does, whichever it is; keys are checked before they meet a file system or a bucket."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mediaserver.base.errors import NotFound

R = TypeVar("R")

CHUNK_BYTES = 128 * 1024
"""How much `read` yields at a time, at most."""

_MAX_KEY = 512
# No segment begins with a dot, so neither `..` nor our own hidden directories can be reached.
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    size: int
    """Bytes."""
    content_type: str
    etag: str
    """A strong validator without quotes (RFC 9110 section 8.8.3): other bytes have another."""
    modified: datetime
    """UTC."""


@dataclass(frozen=True, slots=True)
class Listed:
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class PresignedPut:
    """A request by which anyone may put one object."""

    url: str
    headers: dict[str, str]
    """To be sent with it as they are."""


class ObjectStore(Protocol):
    """Every method may raise `Unavailable`. A key that is no key is `NotFound`; writing to one is our own bug."""

    async def put_file(self, key: str, path: Path, content_type: str) -> ObjectInfo:
        """Store the file under `key`, in place of what was there.

        Its bytes must not be changed afterwards: it may be kept as another link to the same file.
        """

    async def put_bytes(self, key: str, content: bytes, content_type: str) -> ObjectInfo: ...

    async def stat(self, key: str) -> ObjectInfo:
        """Raises `NotFound`."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """Bytes from `start` to before `end` (None: to the end), in chunks, each read when asked for.

        Raises `NotFound` at the first. `start` lies within the object.
        Close the iterator (`aclose`) when leaving it early.
        """

    async def delete(self, key: str) -> None:
        """Nothing happens when it is not there."""

    def list(self, prefix: str) -> AsyncIterator[Listed]:
        """All objects whose key begins with `prefix`, ordered by key."""

    async def presigned_url(
        self, key: str, ttl_s: int, content_type: str, disposition: str | None = None
    ) -> str | None:
        """A URL from which anyone may get the object for `ttl_s` with these headers; None where there is none."""

    async def presigned_put(self, key: str, ttl_s: int, content_type: str, size: int) -> PresignedPut | None:
        """To be begun within `ttl_s`, with exactly `size` bytes, however often. None where there is none."""

    async def check(self) -> None:
        """Raises `Unavailable` saying what is wrong and where when the store cannot be used."""

    async def close(self) -> None: ...


def is_key(key: str) -> bool:
    return len(key) <= _MAX_KEY and _KEY.fullmatch(key) is not None


async def opened(opening: Coroutine[Any, Any, R], close: Callable[[R], None]) -> R:
    """What a thread opens; when the caller is cancelled meanwhile, it is closed as soon as it is open."""
    task = asyncio.ensure_future(opening)

    def discard(done: asyncio.Task[R]) -> None:
        if not done.cancelled() and done.exception() is None:
            close(done.result())

    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(discard)
        raise


def absent(key: str) -> NotFound:
    return NotFound("not_found", f"there is no object {key[:_MAX_KEY]}")
