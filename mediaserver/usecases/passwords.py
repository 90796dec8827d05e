"""Passwords as argon2id hashes, made in a few threads: hashing never holds up the event loop.

What is hashed is NFC (RFC 8265 section 4.2.2): keyboards differ in how they write an é.
"""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from mediaserver.base.errors import Unavailable
from mediaserver.base.settings import Auth

R = TypeVar("R")

_MOST_WAITING = 500
_THREADS = 2  # each holds argon2_memory_kib while it hashes; the library releases the GIL


class Passwords:
    """Hashes and checks; both take the same time whether or not the account exists."""

    def __init__(self, settings: Auth) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=1,
            type=Type.ID,
        )
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._turns = asyncio.Semaphore(_THREADS)
        self._waiting = 0
        self._nobody = self._hasher.hash("nobody has this password")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One of the few that may hash now. Unavailable when too many wait already."""
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("busy", "too many people are signing in at once")
        self._waiting += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= 1

    async def hash(self, password: str) -> str:
        return await self._run(self._hasher.hash, _bytes(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one of `stored`; None (no such account) takes as long and is never true."""
        fits = await self._run(self._verify, stored or self._nobody, _bytes(password))
        return fits and stored is not None

    def close(self) -> None:
        self._pool.shutdown()

    def _verify(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., R], *args: str | bytes) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
