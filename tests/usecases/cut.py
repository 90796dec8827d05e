"""A store that goes away in the middle: after so many operations every further one fails, until it is back."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mediaserver.base.errors import Unavailable
from mediaserver.usecases.context import Context


@dataclass
class Cut:
    after: int
    done: int = 0
    happened: bool = False
    """An operation was refused."""


@contextlib.contextmanager
def cut_after(ctx: Context, operations: int) -> Iterator[Cut]:
    """Within the block the first `operations` of the store are performed, then it is away."""
    database, cut = ctx.repositories.database, Cut(operations)
    run = database.run

    async def counted(operation: Callable[[], Awaitable[Any]], *how: Any, **further: Any) -> Any:
        if cut.done >= cut.after:
            cut.happened = True
            raise Unavailable("store_unavailable", "the document store does not answer")
        cut.done += 1
        return await run(operation, *how, **further)

    database.run = counted  # type: ignore[method-assign, assignment]
    try:
        yield cut
    finally:
        del database.run  # type: ignore[method-assign]
