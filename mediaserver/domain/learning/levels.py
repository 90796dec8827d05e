"""Levels: the parts of a course, in an order; whoever may see the course may see what they are called."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from mediaserver.domain.documents.document import Consequential, Id, Index, Reference
from mediaserver.domain.documents.policy import (
    Policy,
    admin,
    any_of,
    anyone,
    enrolled,
    instructor,
    of_published,
)
from mediaserver.domain.text.text import Line

TEACHING = any_of(instructor(), admin)
"""The instructor of the course that something belongs to, and admins."""

Position = Annotated[int, Field(ge=0, le=1_000_000, description="Lists are in this order, then by id.")]


class Level(Consequential):
    """A part of a course, with lessons."""

    collection: ClassVar[str] = "levels"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("course_id", "position", "_id")),)
    references: ClassVar[tuple[Reference, ...]] = (Reference("course_id", "courses", "cascade"),)
    policy: ClassVar[Policy] = Policy(
        create=anyone,
        read=any_of(of_published(), enrolled(), TEACHING).hiding(),
        update=TEACHING,
        delete=TEACHING,
    )
    summary: ClassVar[tuple[str, ...]] = ("title", "position")

    course_id: Id
    title: Annotated[Line, StringConstraints(min_length=1, max_length=200)]
    position: Position = 0
    pending_order: list[str] = Field(default_factory=list, exclude=True)
    """Ids of its lessons in an order that is being given to them."""
