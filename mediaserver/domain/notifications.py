"""What people are told about: acts of others that belong together are one notification until it is read.

Every act is kept with what identifies it, so that one that is told twice counts once, also after it was read.
What somebody said is not kept: it may be edited or taken back, so it is shown from where it stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from pydantic import Field

from mediaserver.domain.documents.document import Document, Id, Index, Moment, Reference, Value
from mediaserver.domain.documents.policy import Policy, nobody, owner

Kind = Literal[
    "followed",
    "liked",
    "commented",
    "mentioned",
    "message",
    "session-starting",
    "assignment-posted",
    "submitted",
    "graded",
    "recording-ready",
]

MAX_ACTS = 200
"""Of one notification; the next act begins another one."""
MAX_ACTORS_SHOWN = 3
MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Grouping:
    """Unread acts of a kind are one notification when they agree in these ids (those that are given)."""

    by: tuple[str, ...] = ()
    one_actor: bool = False
    """Each person's acts apart."""


GROUPINGS: Final[Mapping[Kind, Grouping]] = {
    "followed": Grouping(),
    "liked": Grouping(("tweetId", "commentId")),
    "commented": Grouping(("tweetId",)),
    "mentioned": Grouping(("tweetId", "commentId")),
    "message": Grouping(one_actor=True),
    "session-starting": Grouping(("sessionId",)),
    "assignment-posted": Grouping(("assignmentId",)),
    "submitted": Grouping(("assignmentId",)),
    "graded": Grouping(("submissionId",)),
    "recording-ready": Grouping(("recordingId",)),
}

IDS: Final = frozenset(
    {
        "tweetId", "commentId", "courseId", "lessonId", "assignmentId", "submissionId",
        "sessionKind", "sessionId", "recordingId", "messageId", "userId", "gradedAt",
    }
)  # fmt: skip
"""What an act may be about: it is another act when any of these is another."""
WORDS: Final = frozenset({"title"})
"""What may be said of that in words: what it was called when it happened."""


class Act(Value):
    """What one person did, or what happened by itself."""

    key: str = Field(exclude=True)
    by: Id | None
    under: Id | None = Field(default=None, exclude=True)
    """Under whose tweet it happened."""
    about: dict[str, str]

    @property
    def people(self) -> frozenset[str]:
        """Whose it is: across a block with one of them nobody is told."""
        return frozenset(one for one in (self.by, self.under) if one)


class Notification(Document):
    """What others did that concerns a person, alike acts together; it goes some months after the last of them."""

    collection: ClassVar[str] = "notifications"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("user_id", "group_key"), unique=True, partial={"open": True}),
        Index(("user_id", ("timestamp", -1), ("_id", -1))),
        Index(("user_id", "is_read", ("timestamp", -1), ("_id", -1))),
        Index(("acts.key",)),
        Index(("subject",)),
        Index(("expires_at",), expire_after_s=0),
    )
    references: ClassVar[tuple[Reference, ...]] = (Reference("user_id", "users", "cascade"),)
    policy: ClassVar[Policy] = Policy(
        create=nobody, read=owner("user_id"), update=owner("user_id"), delete=owner("user_id")
    )

    user_id: Id
    type: Kind
    timestamp: Moment
    """Of the newest act."""
    is_read: bool = Field(default=False, examples=[True])
    group_key: str = Field(exclude=True)
    open: bool = Field(default=True, exclude=True)
    """It takes further acts: nobody has read it yet, and it is not full."""
    acts: list[Act]
    """In the order in which they happened."""
    count: int = Field(default=1, exclude=True)
    """Of `acts`."""
    subject: Id | None = Field(default=None, exclude=True)
    """The document that it is all about: with that it goes."""
    expires_at: Moment = Field(exclude=True)

    @property
    def actors(self) -> list[str]:
        """Who acted, each once, the last one first."""
        return list(dict.fromkeys(act.by for act in reversed(self.acts) if act.by))


def group_key(kind: Kind, about: Mapping[str, str], by: str | None) -> str:
    grouping = GROUPINGS[kind]
    own = (by or "",) if grouping.one_actor else ()
    return ".".join((kind, *(about[name] for name in grouping.by if name in about), *own))


def subject(kind: Kind, about: Mapping[str, str]) -> str | None:
    """The narrowest of the documents that all acts of a group are about."""
    return next((about[name] for name in reversed(GROUPINGS[kind].by) if name in about), None)


def act(kind: Kind, about: Mapping[str, str], by: str | None, under: str | None = None) -> Act:
    """The same kind, person and ids are the same act; ids come in any order, words do not count."""
    assert about.keys() <= IDS | WORDS, f"nobody is told of {sorted(about.keys() - IDS - WORDS)}"
    ids = (f"{name}={about[name]}" for name in sorted(about) if name in IDS)
    key = ";".join((group_key(kind, about, by), f"by={by or ''}", *ids))
    shown = {name: value[:MAX_TEXT] if name in WORDS else value for name, value in about.items()}
    return Act(key=key, by=by, under=under, about=shown)
