"""What must hold of everything that is stored, whatever was done and whatever was cut off; all faults at once.

It reads the documents themselves, not what the server says of them, and knows them by their declarations: a new
class is looked at without a word here, and a counter that nobody explained is a fault.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from mediaserver.app import DOCUMENTS
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.document import Consequential, Counted, Document, Index
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.messaging.direct_messages import Conversation, DirectMessage
from mediaserver.domain.notifications import Notification
from mediaserver.domain.sessions.chat_messages import ChatMessage
from mediaserver.domain.sessions.sessions import Session
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.follows import Follow
from mediaserver.domain.social.likes import CommentLike, TweetLike
from mediaserver.domain.social.tweets import Tweet
from mediaserver.domain.uploads.upload_references import shown_uploads
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.domain.writes.idempotency import IdempotentRequest

D = TypeVar("D", bound=Document)
Counters = Mapping[tuple[type[Document], str], tuple[type[Document], str]]

COUNTERS: Final[Counters] = {
    (Course, "enrolled_count"): (Enrollment, "course_id"),
    (Course, "lessons_count"): (Lesson, "course_id"),
    (Tweet, "likes_count"): (TweetLike, "tweet_id"),
    (Tweet, "comments_count"): (Comment, "tweet_id"),
    (Comment, "likes_count"): (CommentLike, "comment_id"),
    (User, "followers_count"): (Follow, "following_user_id"),
    (User, "following_count"): (Follow, "follower_user_id"),
    (User, "tweets_count"): (Tweet, "user_id"),
}
"""A counter, and the documents that it counts: those whose field holds the id of its own."""

ABOUT: Final[Mapping[str, str]] = {
    "tweetId": "tweets", "commentId": "comments", "courseId": "courses", "lessonId": "lessons",
    "assignmentId": "assignments", "submissionId": "submissions", "sessionId": "sessions",
    "recordingId": "recordings", "messageId": "direct_messages", "userId": "users",
}  # fmt: skip
"""The collections of what notifications tell about."""


class Everything:
    """All documents of a database, by class and id; `unreadable` are those that their class does not take."""

    def __init__(self, counters: Counters = COUNTERS) -> None:
        self.counters = counters
        self.by_class: dict[type[Document], dict[str, Any]] = {}
        self.stored: dict[type[Document], list[dict[str, Any]]] = {}
        self.unreadable: list[str] = []
        self._there: dict[str, set[str]] = {}

    @classmethod
    async def read(
        cls,
        database: AsyncDatabase[dict[str, Any]],
        documents: Sequence[type[Document]] = DOCUMENTS,
        counters: Counters = COUNTERS,
    ) -> "Everything":
        found = cls(counters)
        for kind in documents:
            found.stored[kind] = await database[kind.collection].find().to_list()
            found.by_class[kind] = {}
            for one in found.stored[kind]:
                try:
                    found.by_class[kind][one["_id"]] = kind.from_mongo(one)
                except ValidationError as error:
                    faults = "; ".join(f"{fault['loc']}: {fault['msg']}" for fault in error.errors())
                    found.unreadable.append(f"{kind.collection} {one['_id']} cannot be read: {faults}")
        return found

    def of(self, kind: type[D]) -> dict[str, D]:
        return self.by_class.get(kind, {})

    def ids(self, collection: str) -> set[str]:
        """Of all that are there, those on their way out not."""
        if collection not in self._there:
            self._there[collection] = {
                id
                for kind, found in self.by_class.items()
                if kind.collection == collection
                for id, one in found.items()
                if not (isinstance(one, Consequential) and one.gone)
            }
        return self._there[collection]

    def each(self) -> Iterator[Document]:
        for found in self.by_class.values():
            yield from found.values()


def faults(everything: Everything, interrupted: bool = False) -> list[str]:
    """In words, the worst first. `interrupted`: processes died, so what is mended hourly may be amiss yet."""
    return [
        *everything.unreadable,
        *_unsettled(everything),
        *_dangling(everything),
        *_twice(everything),
        *_miscounted(everything),
        *_uploads(everything, interrupted),
        *_notifications(everything),
        *_conversations(everything),
        *_sessions(everything),
        *([] if interrupted else _left_over(everything)),
    ]


async def check(
    uri: str, database: str, *, interrupted: bool = False, within_s: float = 0.0, expect: Sequence[type] = ()
) -> Everything:
    """Raise AssertionError with all that is wrong; after `within_s`, in which the server may mend it.

    `expect` are classes of which there must be documents, so that a check of nothing does not pass.
    """
    deadline = asyncio.get_running_loop().time() + within_s
    async with AsyncMongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        while True:
            everything = await Everything.read(client[database])
            wrong = faults(everything, interrupted)
            if not wrong or asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.5)
    missing = [kind.__name__ for kind in expect if not everything.of(kind)]
    assert not missing, f"there are no documents of {missing}: nothing was shown"
    assert not wrong, f"{len(wrong)} faults:\n" + "\n".join(wrong[:100])
    return everything


def _unsettled(everything: Everything) -> Iterator[str]:
    for one in everything.each():
        if isinstance(one, Consequential) and (one.gone or not one.settled):
            yield f"{_name(one)} is half {'removed' if one.gone else 'written'}, since {one.updated_at}"


def _dangling(everything: Everything) -> Iterator[str]:
    for one in everything.each():
        for reference in one.references:
            if reference.on_delete == "keep":
                continue
            there = everything.ids(reference.to)
            for id in reference.ids(one):
                if id not in there:
                    yield f"{_name(one)}: {reference.field} names {id}, which is not in {reference.to}"


def _twice(everything: Everything) -> Iterator[str]:
    for kind, found in everything.stored.items():
        for index in kind.all_indexes():
            if index.unique:
                keys = Counter(key for one in found if (key := _key(index, one)) is not None)
                for key, times in keys.items():
                    if times > 1:
                        yield f"{kind.collection}: {times} have {index.name} {key}"


def _key(index: Index, stored: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """What must be unique of a document; None where the index leaves it out."""
    if any(stored.get(name) != value for name, value in (index.partial or {}).items()):
        return None
    if index.sparse and not any(name in stored for name, _ in index.fields):
        return None
    return tuple(repr(stored.get(name)) for name, _ in index.fields)


def _miscounted(everything: Everything) -> Iterator[str]:
    for kind, found in everything.by_class.items():
        for field in kind.model_fields if issubclass(kind, Counted) else ():
            if not field.endswith("_count"):
                continue
            if (kind, field) not in everything.counters:
                yield f"{kind.__name__}.{field}: nobody says what it counts"
                continue
            counted, by = everything.counters[kind, field]
            numbers = Counter(getattr(one, by) for one in everything.of(counted).values())
            for id, one in found.items():
                if (says := getattr(one, field)) != numbers[id]:
                    yield f"{_name(one)}: {field} says {says}, there are {numbers[id]} {counted.collection}"


def _uploads(everything: Everything, interrupted: bool) -> Iterator[str]:
    uploads, shown = everything.of(Upload), _shown(everything)
    for use, ids in shown.items():
        for id in ids:
            if id not in uploads:
                yield f"{' '.join(use)} shows upload {id}, which is not there"
            elif use not in {(by.kind, by.id) for by in uploads[id].used_by}:
                yield f"{' '.join(use)} shows upload {id}, which does not know it"
    for id, upload in uploads.items():
        if upload.used != bool(upload.used_by):
            yield f"uploads {id}: used is {upload.used}, used by {len(upload.used_by)}"
        for by in upload.used_by:
            mended = interrupted and upload.marked_at is not None
            if id not in shown.get((by.kind, by.id), ()) and not mended:
                yield f"uploads {id} is marked as used by {by.kind} {by.id}, which does not show it"


def _shown(everything: Everything) -> dict[tuple[str, str], set[str]]:
    """Ids of uploads by what shows them, in the words of `Use`."""
    shown: dict[tuple[str, str], set[str]] = {}
    for one in everything.each():
        for _, id in shown_uploads(one):
            shown.setdefault((one.collection, one.id), set()).add(id)
    for user in everything.of(User).values():
        if user.profile_image:
            shown.setdefault(("profile", user.id), set()).add(user.profile_image)
    for message in everything.of(ChatMessage).values():
        if message.content_type != "Text":
            shown.setdefault(("session", message.session_id), set()).add(message.content)
    return shown


def _notifications(everything: Everything) -> Iterator[str]:
    there = {name: everything.ids(collection) for name, collection in ABOUT.items()}
    for one in everything.of(Notification).values():
        if one.count != len(one.acts):
            yield f"{_name(one)}: count says {one.count}, there are {len(one.acts)} acts"
        if twice := [key for key, times in Counter(act.key for act in one.acts).items() if times > 1]:
            yield f"{_name(one)} tells twice of {twice}"
        for act in one.acts:
            for name, id in act.about.items():
                if name in ABOUT and id not in there[name]:
                    yield f"{_name(one)} ({one.type}) tells of {name} {id}, which is gone"


def _conversations(everything: Everything) -> Iterator[str]:
    """Whoever is there has each of their conversations once, and sees in it what was said last."""
    last: dict[tuple[str, str], str] = {}
    for message in everything.of(DirectMessage).values():
        for side in (message.people, message.people[::-1]):
            if side[0] in everything.of(User):
                last[side] = max(last.get(side, ""), message.id)
    for one in everything.of(Conversation).values():
        newest = last.pop((one.user_id, one.peer_user_id), None)
        if one.last_message_id != newest:
            yield f"{_name(one)} shows {one.last_message_id}, the last message is {newest}"
    for side in last:
        yield f"{side} wrote to each other and have no conversation"


def _sessions(everything: Everything) -> Iterator[str]:
    for one in everything.of(Session).values():
        if one.status != "ended" and one.moderator_user_id not in everything.ids(User.collection):
            yield f"{_name(one)} is {one.status}, and whoever moderates it is gone"


def _left_over(everything: Everything) -> Iterator[str]:
    """What crashes may leave without harm, and nothing else may."""
    for one in everything.each():
        if isinstance(one, Counted) and one.marks:
            yield f"{_name(one)} has marks that nobody needs any more: {one.marks}"
    for request in everything.of(IdempotentRequest).values():
        if request.state == "running":
            yield f"{_name(request)} is still running"


def _name(document: Document) -> str:
    return f"{document.collection} {document.id}"
