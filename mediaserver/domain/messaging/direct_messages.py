"""What people write to each other in private, and for each of them what stands last in each conversation."""

from typing import ClassVar

from pydantic import Field

from mediaserver.domain.documents.document import Consequential, Id, Index, Moment, Reference, UploadId
from mediaserver.domain.documents.policy import Policy, any_of, anyone, nobody, owner
from mediaserver.domain.sessions.chat_messages import ClientId, Content, ContentType


class DirectMessage(Consequential):
    """What one person writes or shows to another one, for these two alone."""

    collection: ClassVar[str] = "direct_messages"
    owned_by: ClassVar[str | None] = "sender_user_id"
    indexes: ClassVar[tuple[Index, ...]] = (
        # The unread ones first: of indexes that serve alike, the first is taken.
        Index(("receiver_user_id", "sender_user_id"), partial={"isRead": False}),
        Index(("client_id", "sender_user_id", "receiver_user_id"), unique=True),
        Index(("pair", ("_id", -1))),
        Index(("receiver_user_id",)),
        Index(("sender_user_id",)),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("sender_user_id", "users", "keep", shown="sender"),
        Reference("receiver_user_id", "users", "keep", shown="receiver"),
    )
    policy: ClassVar[Policy] = Policy(
        create=anyone,
        read=any_of(owner("sender_user_id"), owner("receiver_user_id")),
        update=owner("receiver_user_id"),
        delete=owner("sender_user_id"),
    )

    sender_user_id: Id
    receiver_user_id: Id
    content_type: ContentType = "Text"
    content: Content
    """Text, or an upload's id; answers give the upload."""
    timestamp: Moment
    is_read: bool = Field(default=False, examples=[True])
    client_id: ClientId | None = Field(default=None, description="The same again is the same message.")
    """Always there once it is stored."""
    pair: str = Field(exclude=True)
    """The two, whoever wrote to whom."""
    upload_id: UploadId | None = Field(default=None, exclude=True)
    """`content`, where that is an upload."""

    @property
    def people(self) -> tuple[str, str]:
        return self.sender_user_id, self.receiver_user_id

    @property
    def text(self) -> str:
        """What is said in words."""
        return self.content if self.content_type == "Text" else ""


class Conversation(Consequential):
    """What a person has with another one, as a list of conversations shows it."""

    collection: ClassVar[str] = "conversations"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("user_id", "peer_user_id"), unique=True),
        Index(("user_id", ("last_at", -1), ("_id", -1))),
        Index(("peer_user_id",)),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("user_id", "users", "cascade"),
        Reference("peer_user_id", "users", "keep"),
    )
    policy: ClassVar[Policy] = Policy(create=nobody, read=owner("user_id"), update=nobody, delete=nobody)

    user_id: Id
    peer_user_id: Id
    last_message_id: Id
    last_at: Moment
    settled: bool = Field(default=True, exclude=True)
    """Nothing follows from its coming."""


def pair_of(one: str, other: str) -> str:
    return ".".join(sorted((one, other)))
