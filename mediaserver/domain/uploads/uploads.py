"""Files that people bring: the type is sniffed, the bytes are an object; one that nothing uses expires."""

import re
import unicodedata
from typing import ClassVar, Literal

from pydantic import Field

from mediaserver.domain.documents.document import Document, Index, Moment, Reference, Value
from mediaserver.domain.text.text import normalized, visible

KEY_PREFIX = "uploads"
INCOMING_PREFIX = "incoming"
"""Of the objects that clients put into the bucket themselves; nothing serves these."""
UploadStatus = Literal["awaited", "pending", "ready"]
"""Announced, its bytes come straight to the bucket; being stored or deleted; whole."""

METADATA_REMOVED, METADATA_STUCK = 1, 0
"""What `Upload.metadata` says of one whose metadata was taken out, and of one where that is not possible."""

_THUMBNAIL = "thumbnail.webp"
_MAX_NAME = 200
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class Use(Value):
    """What refers to an upload; whoever may read that may read the upload."""

    kind: str
    """The collection of what shows it; `session` is a session's chat, `profile` a person's picture."""
    id: str
    """Of that document; of the session or the user."""


class Thumbnail(Value):
    """A small WebP picture of an upload: of a picture itself, of a video a frame near its beginning."""

    width: int = Field(gt=0)
    height: int = Field(gt=0)


class Upload(Document):
    collection: ClassVar[str] = "uploads"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("owner_user_id",)),
        Index(("used", "created_at")),
        Index(("used_by.id",)),
        Index(("marked_at",)),
        Index(("metadata", "created_at")),
    )
    references: ClassVar[tuple[Reference, ...]] = (Reference("owner_user_id", "users", "keep"),)

    owner_user_id: str
    content_type: str
    """The sniffed media type, such as `image/png`."""
    size: int = Field(ge=0)
    width: int | None = None
    height: int | None = None
    duration_s: float | None = Field(default=None, ge=0, alias="duration")
    name: str
    object_key: str = Field(exclude=True)
    thumbnail: Thumbnail | None = None
    status: UploadStatus = "ready"
    used: bool = False
    """Something refers to it: it does not expire."""
    used_by: list[Use] = Field(default=[], exclude=True)
    marked_at: Moment | None = Field(default=None, exclude=True)
    """When the last use came, until it was seen that what uses it was really stored."""
    presigned: bool = Field(default=False, exclude=True)
    """Its bytes come, or came, by a presigned URL."""
    claimed_at: Moment | None = Field(default=None, exclude=True)
    """Of an awaited one: since when somebody looks at what came."""
    metadata: int | None = Field(default=None, exclude=True)
    """Whether places, cameras and names were taken out of the file; None: it is from before that was done."""

    @property
    def thumbnail_key(self) -> str:
        """Beside the upload's own object, so that one right and one end hold for both."""
        return f"{KEY_PREFIX}/{self.id}/{_THUMBNAIL}"

    @property
    def incoming_key(self) -> str:
        return f"{INCOMING_PREFIX}/{self.id}"

    @property
    def keys(self) -> list[str]:
        """Of all objects that it may have, whatever was cut off."""
        keys = [self.object_key]
        if self.thumbnail or self.presigned:
            keys.append(self.thumbnail_key)
        return [*keys, self.incoming_key] if self.presigned else keys


def display_name(name: str) -> str:
    """The file's name as people see it: no directories, no control characters, something to see, not too long."""
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join(c for c in normalized("NFC", last) if _shown(c)).strip(" .")
    stem, dot, extension = plain.rpartition(".")
    if not visible(stem if dot else plain):
        plain = f"file.{extension}" if dot and visible(extension) else "file"
    if len(plain) <= _MAX_NAME:
        return plain
    return (
        f"{stem[: _MAX_NAME - len(extension) - 1]}.{extension}"
        if dot and len(extension) < 20
        else plain[:_MAX_NAME]
    )


def _shown(character: str) -> bool:
    """Not a control character, nor one that turns the direction of what follows. Joiners belong to words of
    Persian and Hindi and to emoji; what Python does not know yet is likely a new letter or emoji."""
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs") or character in "\u200c\u200d"


def object_key(upload_id: str, name: str) -> str:
    """`uploads/{id}/{name}` with a name that every file system and URL bears and that is not the thumbnail's."""
    ascii_name = normalized("NFKD", name).encode("ascii", "ignore").decode()
    safe = _UNSAFE.sub("-", ascii_name).strip("-.")
    safe = safe[-100:].strip("-.") or "file"
    return f"{KEY_PREFIX}/{upload_id}/{'_' if safe.lower() == _THUMBNAIL else ''}{safe}"
