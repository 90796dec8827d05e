"""Several operations as one, where the server has transactions (a replica set or a cluster).

A context variable carries the transaction, so that whatever is awaited inside takes part. What is done inside may
be done again from its beginning, and must also be right without a transaction. Step by step it is done in the end
when others keep colliding with it, and when the server refuses something (a value is taken): that ends a
transaction, and who wants to handle a refusal can do so then. After MongoDB's "Convenient API for Transactions",
with bounds of our own.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pymongo import WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure, PyMongoError

from mediaserver.base.errors import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
Limited = Callable[[], AbstractContextManager[None]]

LONGEST_S: Final = 5.0
ATTEMPTS: Final = 6
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _GROWTH = 0.005, 0.5, 1.5
_TRANSIENT, _UNKNOWN_RESULT = "TransientTransactionError", "UnknownTransactionCommitResult"
_MAX_TIME_EXPIRED = 50
_MAJORITY = WriteConcern("majority")


class Aborted(Exception):
    """An operation in a transaction that an earlier one has ended. Never leaves `atomically`."""


@dataclass(slots=True)
class Transaction:
    """One attempt. After its first failure no operation reaches the server."""

    session: AsyncClientSession
    open: bool = True
    failure: PyMongoError | None = None
    afterwards: list[Callable[[], None]] = field(default_factory=list)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def perform(self, operation: Callable[[], Awaitable[T]]) -> T:
        """One operation at a time: a session takes no more, also when tasks inside run side by side."""
        async with self._lock:
            if self.failure is not None:
                raise Aborted from self.failure
            try:
                return await operation()
            except PyMongoError as error:
                self.failure = error
                raise


_current: ContextVar[Transaction | None] = ContextVar("transaction", default=None)


def current() -> Transaction | None:
    """The transaction that what runs here takes part in. (A task that outlives it does not any more.)"""
    transaction = _current.get()
    return transaction if transaction is not None and transaction.open else None


def current_session() -> AsyncClientSession | None:
    """For the `session` of every operation."""
    transaction = current()
    return transaction.session if transaction else None


def when_committed(action: Callable[[], None]) -> None:
    """Do it now; in a transaction when that is stored, and not at all if it never is."""
    transaction = current()
    if transaction is None:
        action()
    else:
        transaction.afterwards.append(action)


async def in_transaction(session: AsyncClientSession, work: Callable[[], Awaitable[T]], limited: Limited) -> T:
    """Do `work` in a transaction of `session`, or after some attempts without one. Raises what `work` raises.

    Within `limited()` the server has the time of one operation.
    """
    now = asyncio.get_running_loop().time
    until, pause_s, failure = now() + LONGEST_S, _FIRST_PAUSE_S, None
    for _ in range(ATTEMPTS):
        if failure is not None:
            await asyncio.sleep(pause_s * random.random())
            pause_s = min(pause_s * _GROWTH, _LONGEST_PAUSE_S)
        transaction = Transaction(session)
        result, failure = await _attempt(transaction, work, until, limited)
        if failure is None:
            for action in transaction.afterwards:
                action()
            return result  # type: ignore[return-value]
        if not failure.has_error_label(_TRANSIENT) or now() > until:
            break
    log.debug("going on step by step", extra={"error": str(failure)[:200]})
    return await work()


async def _attempt(
    transaction: Transaction, work: Callable[[], Awaitable[T]], until: float, limited: Limited
) -> tuple[T | None, PyMongoError | None]:
    """What `work` gives, committed; or the failure that ended the transaction."""
    session = transaction.session
    await session.start_transaction(write_concern=_MAJORITY)
    token = _current.set(transaction)
    try:
        result = await work()
    except Exception:
        await _abort(session, limited)
        if transaction.failure is None:
            raise
        return None, transaction.failure
    except BaseException:
        await _abort(session, limited)
        raise
    finally:
        transaction.open = False
        _current.reset(token)
    if transaction.failure is not None:  # it was caught on its way
        await _abort(session, limited)
        return None, transaction.failure
    return result, await _commit(session, until, limited)


async def _abort(session: AsyncClientSession, limited: Limited) -> None:
    with limited():
        await session.abort_transaction()


async def _commit(session: AsyncClientSession, until: float, limited: Limited) -> PyMongoError | None:
    """The failure after which all may be tried again, if there is one. Committing twice is no harm."""
    while True:
        try:
            with limited():
                await session.commit_transaction()
        except PyMongoError as error:
            expired = isinstance(error, OperationFailure) and error.code == _MAX_TIME_EXPIRED
            if error.has_error_label(_UNKNOWN_RESULT) and not expired:
                if asyncio.get_running_loop().time() > until:
                    raise Unavailable("store_unavailable", "the document store does not answer") from error
                await asyncio.sleep(_FIRST_PAUSE_S)
            elif error.has_error_label(_TRANSIENT):
                return error
            else:
                raise
        else:
            return None
