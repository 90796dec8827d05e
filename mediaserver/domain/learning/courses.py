"""Courses: what an instructor teaches; titles are public once published, lessons are for the enrolled."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from mediaserver.base.faults import form
from mediaserver.domain.documents.document import Counted, Id, Index, Reference
from mediaserver.domain.documents.policy import Policy, admin, any_of, enrolled, has_role, owner, where
from mediaserver.domain.text.text import Line, Prose, fold

INSTRUCTOR = any_of(owner("instructor_user_id"), admin)
"""Whatever their role is now: that is asked for when a course is made or given to somebody."""
TAKING_COURSE = any_of(enrolled("id"), INSTRUCTOR).refusing(
    "not_enrolled", "that is for those who take this course"
)


class Course(Counted):
    """What an instructor teaches; published, anybody may take it."""

    collection: ClassVar[str] = "courses"
    owned_by: ClassVar[str | None] = "instructor_user_id"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("course_code_folded",), unique=True),
        Index(("instructor_user_id", "_id")),
        Index(("skill_id", "_id")),
        Index(("published", "_id")),
        Index(("title", "_id")),
        Index(("created_at", "_id")),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference(
            "instructor_user_id",
            "users",
            "refuse",
            shown="instructor",
            remedy="an admin gives it to another instructor, or it is deleted first",
        ),
        Reference(
            "skill_id", "skills", "refuse", shown="skill", remedy="give it another skill, or delete it, first"
        ),
    )
    policy: ClassVar[Policy] = Policy(
        create=has_role("instructor", "admin"),
        read=any_of(where("published", True), INSTRUCTOR, enrolled("id")).hiding(),
        update=INSTRUCTOR,
        delete=INSTRUCTOR,
    )
    searched: ClassVar[tuple[str, ...]] = ("title", "description", "course_code")
    summary: ClassVar[tuple[str, ...]] = ("title", "course_code")

    course_code: Annotated[
        str,
        form(
            r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
            "may have letters from A to Z, digits, `.`, `_` and `-`, and begins with a letter or a digit",
            min_length=1,
            max_length=32,
        ),
    ]
    course_code_folded: str = Field(default="", exclude=True)
    title: Annotated[Line, StringConstraints(min_length=1, max_length=200)]
    description: Annotated[Prose, StringConstraints(max_length=5000)] = ""
    skill_id: Id | None = None
    instructor_user_id: Id
    duration: Annotated[int, Field(ge=0, le=1_000_000, description="Minutes.")] = 0
    published: bool = False
    enrolled_count: int = 0
    lessons_count: int = 0
    pending_order: list[str] = Field(default_factory=list, exclude=True)
    """Ids of its levels in an order that is being given to them."""

    @classmethod
    def derived(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"course_code_folded": fold(fields["course_code"])} if "course_code" in fields else {}
