"""Files that people bring: the type is sniffed, the bytes are an object; one that nothing uses expires."""

from typing import ClassVar, Literal

from pydantic import Field

from mediaserver.domain.document import Document, Index, Value

UploadStatus = Literal["pending", "ready"]


class Use(Value):
    """What refers to an upload; whoever may read that may read the upload."""

    kind: Literal["session", "profile"]
    """A message in a session's chat; a person's picture."""
    id: str
    """Of the session or the user."""


class Upload(Document):
    collection: ClassVar[str] = "uploads"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("owner_user_id",)), Index(("used", "created_at")))

    owner_user_id: str
    content_type: str
    """The sniffed media type, such as `image/png`."""
    size: int = Field(ge=0)
    width: int | None = None
    height: int | None = None
    duration_s: float | None = Field(default=None, ge=0, alias="duration")
    name: str
    object_key: str = Field(exclude=True)
    status: UploadStatus = "ready"
    used: bool = False
    """Something refers to it: it does not expire."""
    used_by: list[Use] = Field(default=[], exclude=True)
