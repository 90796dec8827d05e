"""Assignments: posted with a deadline ahead, told to all who take the course; submissions follow it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from mediaserver.base.errors import FieldError, Invalid
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.assignments import Assignment
from mediaserver.domain.learning.submissions import Submission
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.events import NewsCame
from mediaserver.usecases.notifications import notifications
from mediaserver.usecases.representation import expansion
from mediaserver.usecases.writes import settling

Wire = dict[str, Any]
_SHOWN: Final = ("id", "timestamp", "late", "grade")
"""Of what one handed in."""


async def create(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Assignment:
    """An assignment of `lesson_id`. Forbidden; Invalid when its deadline has passed."""
    stamp = ctx.stamp()
    assignment = Assignment(**stamp, timestamp=stamp["created_at"], **fields)
    await viewer.require(ctx, actor, Assignment.policy.update, assignment)
    _require_future(ctx, assignment.deadline)
    made = await settling.add(ctx, assignment)
    ctx.events.publish(NewsCame())
    return made


async def update(ctx: Context, actor: Actor, before: Assignment, fields: Mapping[str, Any]) -> Assignment:
    """Change it; another deadline holds for what was handed in as well. Invalid when that has passed."""
    if fields.get("deadline", before.deadline) != before.deadline:
        _require_future(ctx, fields["deadline"])
    return await settling.change(ctx, before, fields)


async def describe(ctx: Context, reader: Actor, found: Sequence[Assignment]) -> list[Wire]:
    """Assignments as the wire has them: with what the reader handed in."""
    wires = await expansion.describe(ctx, reader, found)
    own = {"userId": reader.user_id, "assignmentId": {"$in": [one.id for one in found]}}
    handed_in = await expansion.describe(ctx, reader, await ctx.of(Submission).find(own))
    briefly = {one["assignmentId"]: {name: one[name] for name in _SHOWN} for one in handed_in}
    return [wire | {"submission": briefly.get(wire["id"])} for wire in wires]


def _require_future(ctx: Context, deadline: datetime) -> None:
    if deadline <= ctx.clock():
        raise Invalid("invalid", "the deadline has passed", [FieldError("deadline", "must be in the future")])


async def _added(ctx: Context, assignment: Assignment) -> None:
    """Its submissions have its deadline, which may just be changing once more."""
    current: Assignment | None = assignment
    while current is not None:
        deadline = current.deadline
        of = {"assignmentId": assignment.id, "deadline": {"$ne": deadline}}
        for when, late in (({"$gt": deadline}, True), ({"$lte": deadline}, False)):
            changes = {"deadline": deadline, "late": late}
            await ctx.of(Submission).update_many({**of, "timestamp": when}, set=changes, edits=False)
        current = await ctx.of(Assignment).find_one({"_id": assignment.id, "deadline": {"$ne": deadline}})


async def _removed(ctx: Context, assignment: Assignment) -> None:
    await notifications.forget(ctx, assignment.id)


CONSEQUENCES = Consequences(added=_added, removed=_removed, edited=True)
