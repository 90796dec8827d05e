"""Skills that people have and courses teach."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from mediaserver.domain.documents.document import Consequential, Index
from mediaserver.domain.documents.policy import Policy, admin, anyone, has_role
from mediaserver.domain.text.text import Line, Prose, fold


class Skill(Consequential):
    """What people can and courses teach."""

    collection: ClassVar[str] = "skills"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("name_folded",), unique=True),
        Index(("name",)),
        Index(("category", "_id")),
    )
    policy: ClassVar[Policy] = Policy(
        create=has_role("instructor", "admin"), read=anyone, update=admin, delete=admin
    )
    searched: ClassVar[tuple[str, ...]] = ("name", "description", "category")
    summary: ClassVar[tuple[str, ...]] = ("name", "category")

    name: Annotated[Line, StringConstraints(min_length=1, max_length=100)] = Field(examples=["Algebra"])
    name_folded: str = Field(default="", exclude=True)
    description: Annotated[Prose, StringConstraints(max_length=2000)] = ""
    category: Annotated[Line, StringConstraints(max_length=100)] = ""

    @classmethod
    def derived(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"name_folded": fold(fields["name"])} if "name" in fields else {}
