"""Comments: what people say about a tweet. Nobody reads one whose tweet they may not read."""

from typing import ClassVar

from pydantic import Field

from mediaserver.domain.documents.document import Counted, Id, Index, Moment, Reference
from mediaserver.domain.documents.policy import Policy, admin, all_of, any_of, anyone, not_blocked, owner
from mediaserver.domain.social.tweets import Content


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
    policy: ClassVar[Policy] = Policy(
        create=anyone,
        read=any_of(admin, all_of(not_blocked("user_id"), not_blocked("tweet_user_id"))).hiding(),
        update=owner("user_id"),
        delete=any_of(owner("user_id"), owner("tweet_user_id"), admin),
    )

    tweet_id: Id
    tweet_user_id: Id | None = Field(default=None, exclude=True)
    """Whose tweet it is; what was stored before this was known does not say."""
    user_id: Id
    content: Content
    timestamp: Moment
    edited_at: Moment | None = None
    mentions: list[Id] = Field(default_factory=list)
    likes_count: int = 0
    removed: bool = False
    """Its author is gone, and so is the content."""

    @property
    def text(self) -> str:
        """What is said in words."""
        return self.content.text

    @property
    def hosts(self) -> tuple[str, ...]:
        """For whom one of these is hidden, it is."""
        return (self.user_id, self.tweet_user_id) if self.tweet_user_id else (self.user_id,)
