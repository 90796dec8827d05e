"""Courses: what an instructor teaches; titles are public once published, lessons are for the enrolled."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from mediaserver.domain.document import Consequential, Id, Index, Reference
from mediaserver.domain.policy import Policy, admin, any_of, enrolled, has_role, owner, where
from mediaserver.domain.text import Line, Prose

INSTRUCTOR = any_of(owner("instructor_user_id"), admin)


class Course(Consequential):
    collection: ClassVar[str] = "courses"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("course_code",), unique=True),
        Index(("instructor_user_id", "_id")),
        Index(("skill_id", "_id")),
        Index(("published", "_id")),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("instructor_user_id", "users", "refuse", shown="instructor"),
        Reference("skill_id", "skills", "refuse", shown="skill"),
    )
    policy: ClassVar[Policy] = Policy(
        create=has_role("instructor", "admin"),
        read=any_of(where("published", True), INSTRUCTOR, enrolled("id")),
        update=INSTRUCTOR,
        delete=INSTRUCTOR,
    )
    searched: ClassVar[tuple[str, ...]] = ("title", "description", "course_code")
    summary: ClassVar[tuple[str, ...]] = ("title", "course_code")

    course_code: Annotated[
        Line, StringConstraints(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    ]
    title: Annotated[Line, StringConstraints(min_length=1, max_length=200)]
    description: Annotated[Prose, StringConstraints(max_length=5000)] = ""
    skill_id: Id | None = None
    instructor_user_id: Id
    duration: Annotated[int, Field(ge=0, le=1_000_000, description="Minutes.")] = 0
    published: bool = False
