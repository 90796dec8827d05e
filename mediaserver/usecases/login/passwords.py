"""Hash and verify passwords with argon2id in worker threads, so that the event loop is not blocked.

Passwords are normalized to NFC before hashing (RFC 8265 section 4.2.2), because keyboards compose é differently.
"""

import asyncio
import os
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from mediaserver.base.settings.tree import Auth
from mediaserver.usecases.login.hashing_turns import HashingTurns

R = TypeVar("R")

_NICENESS: Final = 5
_THREADS = 2  # each holds argon2_memory_kib while it hashes; the library releases the GIL


class Passwords:
    """Hashes and verifies passwords. Verification takes equally long for accounts that do not exist."""

    def __init__(self, settings: Auth) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=1,
            type=Type.ID,
        )
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2", initializer=_yield_to_media)
        self.turns = HashingTurns(_THREADS, settings.sign_in_wait_s)
        self._nobody = self._hasher.hash("nobody has this password")

    def turn(self, source: str = "", *, known: bool = False) -> AbstractAsyncContextManager[None]:
        """Hold one of the hashing turns during the block.

        Turns are shared fairly between sources; `source` is the network or user id. `known` gives priority to
        known devices and signed-in users. Raises: Unavailable("busy").
        """
        return self.turns.turn(source, known)

    async def hash(self, password: str) -> str:
        """Return the argon2id hash of a password."""
        return await self._run(self._hasher.hash, _bytes(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Return whether `password` matches the hash `stored`; None (no account) never matches."""
        fits = await self._run(self._verify, stored or self._nobody, _bytes(password))
        return fits and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Return whether `stored` uses parameters that differ from the current ones and is not stronger.

        Cost is memory times passes. After an operator lowers it, stronger hashes are kept.
        """
        try:
            before = extract_parameters(stored)
        except InvalidHashError:
            return False
        cost = self._hasher.memory_cost * self._hasher.time_cost
        cheaper = cost < before.memory_cost * before.time_cost
        return self._hasher.check_needs_rehash(stored) and not cheaper

    def close(self) -> None:
        """Stop the worker threads."""
        self._pool.shutdown()

    def _verify(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., R], *args: str | bytes) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)


def _yield_to_media() -> None:
    """Lower the priority of this thread, so that sign-ins do not take CPU time from media and the event loop."""
    if sys.platform == "linux":  # elsewhere this would lower the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
