"""Comments: what people say about a tweet."""

from typing import ClassVar

from pydantic import Field

from mediaserver.domain.document import Counted, Id, Index, Moment, Reference
from mediaserver.domain.policy import Policy
from mediaserver.domain.tweets import SAID, Content


class Comment(Counted):
    """What a person says about a tweet."""

    collection: ClassVar[str] = "comments"
    owned_by: ClassVar[str | None] = "user_id"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("tweet_id", "_id")),
        Index(("user_id", "_id")),
        Index(("mentions",)),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("tweet_id", "tweets", "cascade"),
        Reference("user_id", "users", "keep", shown="author"),
        Reference("mentions", "users", "clear", shown="mentions"),
    )
    policy: ClassVar[Policy] = SAID

    tweet_id: Id
    user_id: Id
    content: Content
    timestamp: Moment
    edited_at: Moment | None = None
    mentions: list[Id] = Field(default_factory=list)
    likes_count: int = 0
    removed: bool = False
    """Its author is gone, and so is the content."""
