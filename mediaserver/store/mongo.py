"""The connection to MongoDB or to the embedded document server, which speaks the same protocol.

Every operation goes through `Database.run`: the one place where it gets a limit of time, whatever is tried within
it, and where a lost connection becomes `Unavailable`.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

from pymongo import AsyncMongoClient, timeout
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)

from mediaserver.base.errors import StartError, Unavailable
from mediaserver.domain.documents.document import Document
from mediaserver.store import indexing, transactions

log = logging.getLogger(__name__)

T = TypeVar("T")
Stored = dict[str, Any]

EMBEDDED = "embedded"
_ANY_NUMBER = 100_000
_SOCKET_PATH_LIMIT = 100  # sun_path holds 107 bytes
_RETRY_DELAYS_S = (0.05, 0.2, 0.6)
_HASTE_S = 1.0
_GRACE_S = 0.2
_INDEXING_S = 3600.0
_MANY_TIMES = 6
# Primary changes, shutdowns, full disks: states of the server, not faults of the request.
_PASSING_CODES = {91, 189, 10107, 11600, 11602, 13435, 13436, 14031}


def embedded_configuration(directory: Path) -> dict[str, Any]:
    """The `configure` request of the embedded document server whose files are in `directory`."""
    return {"path": str(directory / "documents.sqlite"), "socket": str(embedded_socket(directory))}


def embedded_socket(directory: Path) -> Path:
    """Its socket: in `directory`, or in the user's runtime directory where that path is too long for one."""
    socket = directory.resolve() / "documents.sock"
    if len(os.fsencode(socket)) <= _SOCKET_PATH_LIMIT:
        return socket
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    digest = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:16]
    return runtime / f"mediaserver-{os.getuid()}-{digest}.sock"


class Database:
    """One database of one server."""

    def __init__(self, client: AsyncMongoClient[Stored], name: str, timeout_s: float = 5.0) -> None:
        self.client = client
        self.timeout_s = timeout_s
        """How long an operation may take, all its tries together."""
        self._silent = False
        """The last that was heard of the server is that it does not answer."""
        self.raw: AsyncDatabase[Stored] = client[name]
        self.has_transactions = False
        self.merged_ranges = 200
        """As many ranges of an index are merged in its order; with more, MongoDB reads and sorts all of them."""

    @classmethod
    async def open(cls, uri: str, name: str, embedded_dir: Path | None = None, timeout_s: float = 5.0) -> Self:
        """Connect and make sure that the server answers; raises `StartError` saying what is wrong and where."""
        where = uri
        if uri == EMBEDDED:
            assert embedded_dir is not None, "the embedded server needs a directory"
            where = f"the embedded document server's socket {embedded_socket(embedded_dir)}"
            uri = f"mongodb://{quote(str(embedded_socket(embedded_dir)), safe='')}"
        try:
            client = AsyncMongoClient[Stored](
                uri,
                tz_aware=True,
                appname="mediaserver",
                serverSelectionTimeoutMS=int(timeout_s * 1000),
                connectTimeoutMS=5000,
            )
        except (InvalidURI, ConfigurationError, TypeError, ValueError) as error:
            # The driver's words may repeat a part of the URI, and with that of the password.
            raise StartError(
                f"mongodb.uri is no valid connection string ({type(error).__name__}); write special characters "
                "of a password as %XX, and see the driver's documentation for options"
            ) from None
        database = cls(client, name, timeout_s)
        try:
            with database.limited():
                hello = await client.admin.command("hello")
        except PyMongoError as error:
            await client.close()
            raise StartError(f"no MongoDB answers at {_without_password(where)}: {_first_line(error)}") from error
        if hello.get("mergesRanges"):
            database.merged_ranges = _ANY_NUMBER
        several = "setName" in hello or hello.get("msg") == "isdbgrid"
        database.has_transactions = several and "logicalSessionTimeoutMinutes" in hello
        return database

    async def ping(self) -> None:
        """Raises `Unavailable` when the server does not answer."""
        await self.run(lambda: self.client.admin.command("ping"), retried=False)

    async def close(self) -> None:
        with self.limited():  # it tells the server which sessions are over
            await self.client.close()

    @property
    def many_s(self) -> float:
        """How long one operation that changes any number of documents may take."""
        return _MANY_TIMES * self.timeout_s

    @contextlib.contextmanager
    def limited(self, limit_s: float | None = None) -> Iterator[None]:
        """Within the block the server has so long, an ordinary operation's time when nothing is said.

        Then the driver closes the connection that it waits for, and the server, told of the limit, stops as well.
        """
        with timeout(self._patience_s if limit_s is None else limit_s):
            yield

    @property
    def _patience_s(self) -> float:
        """While the server is silent, who comes after somebody who waited in vain waits a second: what else
        belongs to the same request would only add up."""
        return min(self.timeout_s, _HASTE_S) if self._silent else self.timeout_s

    async def ensure_indexes(self, documents: Sequence[type[Document]]) -> None:
        """Make the declared collections and indexes that are missing.

        Raises `StartError` where the data forbids an index.
        """
        for document in documents:
            try:
                await self.run(partial(indexing.make_collection, self.raw, document), limit_s=_INDEXING_S)
            except OperationFailure as error:
                raise StartError(
                    f"cannot create the indexes of collection {document.collection}: {_first_line(error)}"
                ) from error

    async def atomically(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work`, all of it or nothing where the server has transactions; elsewhere just do it.

        It may be done repeatedly. Inside, what is itself done atomically is part of the same.
        """
        if not self.has_transactions or transactions.current() is not None:
            return await work()
        async with self.client.start_session() as session:
            return await transactions.in_transaction(session, work, self.limited)

    async def run(
        self, operation: Callable[[], Awaitable[T]], retried: bool = True, limit_s: float | None = None
    ) -> T:
        """Perform an operation; one that may be repeated is tried again briefly when the connection breaks.

        All tries together take `limit_s` at most, an ordinary operation's time when it is not given. In a
        transaction it is the whole that is tried again.
        """
        longest_s = self._patience_s if limit_s is None else limit_s
        try:
            # The driver looks at its limit now and then only where it waits for a server to appear.
            async with asyncio.timeout(longest_s + _GRACE_S):
                with self.limited(longest_s):
                    if transaction := transactions.current():
                        return await transaction.perform(operation)
                    return await self._persist(operation, _RETRY_DELAYS_S if retried else ())
        except TimeoutError as error:
            raise self._away(error) from error

    async def _persist(self, operation: Callable[[], Awaitable[T]], pauses_s: Sequence[float]) -> T:
        delays = iter(pauses_s)
        while True:
            try:
                result = await operation()
            except (ConnectionFailure, ExecutionTimeout, WTimeoutError) as error:
                problem: PyMongoError = error
            except OperationFailure as error:
                if error.code not in _PASSING_CODES:
                    raise
                problem = error
            else:
                self._silent = False
                return result
            delay_s = next(delays, None)
            if delay_s is None:
                raise self._away(problem) from problem
            await asyncio.sleep(delay_s)

    def _away(self, problem: Exception) -> Unavailable:
        self._silent = isinstance(problem, (ConnectionFailure, TimeoutError))
        log.warning("the document store is away", extra={"error": _first_line(problem)})
        return Unavailable("store_unavailable", "the document store does not answer")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].split(", Timeout:")[0][:300]


def _without_password(uri: str) -> str:
    scheme, separator, rest = uri.partition("://")
    credentials, at, hosts = rest.rpartition("@")
    user = credentials.split(":")[0]
    return f"{scheme}{separator}{user}{at}{hosts}" if at else uri
