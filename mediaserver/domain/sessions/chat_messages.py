"""Chat of a session: each message has the next number, without gaps, and is stored once per `clientId`."""

from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints

from mediaserver.domain.documents.document import Document, Index, Moment, Reference
from mediaserver.domain.sessions.sessions import SessionKind
from mediaserver.domain.text.text import Line, Prose

ContentType = Literal["Text", "Image", "Video", "Audio", "File"]
AttachedType = Literal["Image", "Video", "Audio", "File"]
"""Those of which the content is an upload."""
ClientId = Annotated[Line, StringConstraints(min_length=1, max_length=64)]
Content = Annotated[Prose, StringConstraints(min_length=1, max_length=100_000)]
"""Text (the setting `rooms.chat_max_chars` bounds it further) or an upload's id."""


class ChatMessage(Document):
    collection: ClassVar[str] = "messages"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("session_kind", "session_id", "sequence"), unique=True),
        Index(("session_id", "sender_user_id", "client_id"), unique=True),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("session_id", "sessions", "cascade"),
        Reference("sender_user_id", "users", "keep", shown="sender"),
    )

    session_kind: SessionKind
    session_id: str
    sender_user_id: str
    content_type: ContentType
    content: str
    timestamp: Moment
    sequence: int
    client_id: str


def fits(content_type: ContentType, media_type: str) -> bool:
    """Whether an upload of `media_type` may be sent as `content_type`: anything may go as a File."""
    return content_type == "File" or media_type.startswith(f"{content_type.lower()}/")
