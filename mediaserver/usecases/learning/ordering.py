"""The order of a course's levels and of a level's lessons, given anew as a whole: all of it or nothing of it.

The order is written into the parent first, then given to the children; what is cut off in between is finished by
`settling`. While one order is being given, another waits.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mediaserver.base.errors import FieldError, Invalid, NotFound, Unavailable
from mediaserver.domain.documents.document import Consequential, Document
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.levels import Level
from mediaserver.usecases.context import Context
from mediaserver.usecases.writes import settling

_CHILDREN: Final[Mapping[type[Document], tuple[type[Document], str]]] = {
    Course: (Level, "courseId"),
    Level: (Lesson, "levelId"),
}
_WAIT_S = 5.0
_POLL_S = 0.02


async def reorder(ctx: Context, parent: Course | Level, ids: Sequence[str], field: str) -> None:
    """Number the children of `parent` from 0 as `ids` has them. Invalid unless that names each once:
    it tells which of `ids` are too many, or else that some are missing. The order that is there already changes
    nothing."""
    kind, of = _CHILDREN[type(parent)]
    present: list[str] = await ctx.of(kind).values({of: parent.id}, "_id")
    if sorted(present) != sorted(ids):
        raise Invalid("invalid", "this is not an order of what is there", _faults(present, ids, field))
    stored = await ctx.of(kind).fields_of(ids, ["position"])
    positions = [stored[id].get("position") if id in stored else None for id in ids]
    if parent.pending_order or positions != list(range(len(ids))):
        await settling.settle(ctx, await _begin(ctx, parent, ids))


def _faults(present: Sequence[str], ids: Sequence[str], field: str) -> list[FieldError]:
    left, faults = set(present), list[FieldError]()
    for at, id in enumerate(ids):
        if id not in left:
            faults.append(FieldError(f"{field}.{at}", "is none of them, or is named before"))
        left.discard(id)
    return faults or [FieldError(field, "must name each of them once, and no others")]


async def apply(ctx: Context, parent: Course | Level) -> None:
    """Give the order that waits in `parent` to its children; may be repeated."""
    if not parent.pending_order:
        return
    kind, of = _CHILDREN[type(parent)]
    for position, id in enumerate(parent.pending_order):
        await ctx.of(kind).update_one({"_id": id, of: parent.id}, set={"position": position}, edits=False)
    its = {"_id": parent.id, "pendingOrder": parent.pending_order}
    await ctx.of(type(parent)).update_one(its, set={"pendingOrder": []}, edits=False)


async def next_position(ctx: Context, parent: type[Document], parent_id: str) -> int:
    """After the last one."""
    kind, of = _CHILDREN[parent]
    last: Any = await ctx.of(kind).find_one({of: parent_id}, sort=[("position", -1)])
    return min(last.position + 1, 1_000_000) if last else 0


async def _begin(ctx: Context, parent: Course | Level, ids: Sequence[str]) -> Consequential:
    repository = ctx.of(type(parent))
    free = {
        "_id": parent.id,
        "settled": {"$ne": False},
        "gone": {"$ne": True},
        "pendingOrder.0": {"$exists": False},
    }
    deadline = asyncio.get_running_loop().time() + _WAIT_S
    while True:
        if pending := await repository.update_one(free, set={"pendingOrder": list(ids), "settled": False}):
            return pending
        if not await repository.exists({"_id": parent.id}):
            raise NotFound("not_found", "it has just been deleted")
        if asyncio.get_running_loop().time() > deadline:
            raise Unavailable("busy", "another order is being given; try again in a moment")
        await asyncio.sleep(_POLL_S)
