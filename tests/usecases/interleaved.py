"""Two things at once, with the switch from the one to the other at every single point in turn.

What a race needs a thousand tries for happens here the first time: one task waits before its n-th operation of
the store until the other is through, or waits itself for the first one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from mediaserver.base.errors import Problem
from mediaserver.usecases.context import Context

Work = Callable[[], Coroutine[Any, Any, Any]]

_PATIENCE_S = 0.15
"""Who has not come any further by then waits for the other."""

_counting: ContextVar["_Pause | None"] = ContextVar("pause", default=None)


class _Pause:
    """Holds up whoever runs under it before the operation number `before`, from 0."""

    def __init__(self, before: int) -> None:
        self._before, self._done = before, 0
        self.reached, self.over = asyncio.Event(), asyncio.Event()

    async def pass_by(self) -> None:
        if self._done == self._before:
            self.reached.set()
            await self.over.wait()
        self._done += 1


@dataclass
class Outcome:
    switched: bool
    """False: the first one was through before that operation."""
    refused: tuple[Problem | None, Problem | None]
    """Why either failed."""


async def with_switch_at(ctx: Context, before: int, first: Work, second: Work) -> Outcome:
    """Do `first` up to an operation, then `second`, then the rest of `first`.

    `second` may end after `first` where it waits for that.
    """
    pause = _Pause(before)
    async with _counted(ctx):
        _counting.set(pause)
        one = asyncio.create_task(_refused(first))
        _counting.set(None)
        reached = asyncio.create_task(pause.reached.wait())
        await asyncio.wait((one, reached), return_when=asyncio.FIRST_COMPLETED)
        switched = pause.reached.is_set()
        reached.cancel()
        other = asyncio.create_task(_refused(second))
        await asyncio.wait((other,), timeout=_PATIENCE_S if switched else None)
        pause.over.set()
        return Outcome(switched, (await one, await other))


async def _refused(work: Work) -> Problem | None:
    try:
        await work()
    except Problem as problem:
        return problem
    return None


@contextlib.asynccontextmanager
async def _counted(ctx: Context) -> AsyncIterator[None]:
    database = ctx.repositories.database
    run = database.run

    async def counted(operation: Callable[[], Awaitable[Any]], *how: Any, **further: Any) -> Any:
        if pause := _counting.get():
            await pause.pass_by()
        return await run(operation, *how, **further)

    database.run = counted  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        del database.run  # type: ignore[method-assign]
