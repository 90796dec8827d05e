"""Tweets: what one person says to their followers."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field, StringConstraints

from mediaserver.domain.documents.document import Counted, Id, Index, Moment, Reference, UploadId, Value
from mediaserver.domain.documents.lists import DISTINCT, UNIQUE
from mediaserver.domain.documents.policy import Policy, Rule, admin, any_of, anyone, not_blocked, owner
from mediaserver.domain.text.markup import Hashtag, hashtags
from mediaserver.domain.text.text import Prose

MAX_TEXT: Final = 1000
MAX_MEDIA: Final = 4

VISIBLE: Final[Rule] = any_of(admin, not_blocked("user_id")).hiding()
"""What people say is for everyone signed in but those with whom there is a block."""


class Content(Value):
    """What is said: text, media (ids of uploads), or both."""

    text: Annotated[Prose, StringConstraints(max_length=MAX_TEXT)] = ""
    media: Annotated[list[UploadId], Field(max_length=MAX_MEDIA, json_schema_extra=UNIQUE), DISTINCT] = Field(
        default_factory=list
    )

    @property
    def empty(self) -> bool:
        return not (self.text or self.media)


class Tweet(Counted):
    """What one person says to their followers; `liked` is about the reader."""

    collection: ClassVar[str] = "tweets"
    owned_by: ClassVar[str | None] = "user_id"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("user_id", "_id")),
        Index(("hashtags", "_id")),
        Index(("mentions", "_id")),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("user_id", "users", "keep", shown="author"),
        Reference("mentions", "users", "clear", shown="mentions"),
    )
    searched: ClassVar[tuple[str, ...]] = ("content.text",)
    policy: ClassVar[Policy] = Policy(
        create=anyone, read=VISIBLE, update=owner("user_id"), delete=any_of(owner("user_id"), admin)
    )

    user_id: Id
    content: Content
    timestamp: Moment
    edited_at: Moment | None = None
    mentions: list[Id] = Field(default_factory=list)
    """Those whom the text named when it was written, and who were there."""
    hashtags: list[Hashtag] = Field(default_factory=list)
    likes_count: int = 0
    comments_count: int = 0
    removed: bool = False
    """Its author is gone: the content is empty, what others said about it stays."""

    @property
    def text(self) -> str:
        """What is said in words."""
        return self.content.text

    @property
    def hosts(self) -> tuple[str, ...]:
        """For whom one of these is hidden, it is."""
        return (self.user_id,)

    @classmethod
    def derived(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"hashtags": hashtags(fields["content"].text)} if "content" in fields else {}
