"""Reports: what people ask admins to look at."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from mediaserver.domain.documents.document import Document, Id, Index, Reference
from mediaserver.domain.documents.policy import Policy, admin, any_of, anyone, nobody, owner
from mediaserver.domain.text.text import Prose

TargetKind = Literal["tweet", "comment", "user", "message"]
Status = Literal["open", "resolved", "dismissed"]

_FIELDS: Final[Mapping[str, str]] = {
    "tweet": "tweet_id",
    "comment": "comment_id",
    "user": "reported_user_id",
    "message": "message_id",
}


class Report(Document):
    """What a person asks admins to look at; one a person and thing. With the thing it goes."""

    collection: ClassVar[str] = "reports"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("user_id", "target_kind", "target_id"), unique=True),
        Index(("status", "_id")),
        Index(("target_id",)),
        *(Index((field,)) for field in _FIELDS.values()),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("user_id", "users", "cascade", shown="reporter"),
        Reference("tweet_id", "tweets", "cascade"),
        Reference("comment_id", "comments", "cascade"),
        Reference("reported_user_id", "users", "cascade"),
        Reference("message_id", "direct_messages", "cascade"),
    )
    policy: ClassVar[Policy] = Policy(
        create=anyone, read=any_of(owner("user_id"), admin), update=admin, delete=nobody
    )

    user_id: Id
    target_kind: TargetKind
    target_id: Id
    reason: Annotated[Prose, StringConstraints(min_length=1, max_length=1000)]
    status: Status = "open"
    tweet_id: Id | None = Field(default=None, exclude=True)
    comment_id: Id | None = Field(default=None, exclude=True)
    reported_user_id: Id | None = Field(default=None, exclude=True)
    message_id: Id | None = Field(default=None, exclude=True)

    @classmethod
    def derived(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The reference that the target is."""
        return {_FIELDS[fields["target_kind"]]: fields["target_id"]} if "target_kind" in fields else {}
