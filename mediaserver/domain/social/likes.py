"""Likes: one a person and thing."""

from typing import ClassVar

from mediaserver.domain.documents.document import Consequential, Id, Index, Reference
from mediaserver.domain.documents.policy import Policy, anyone, nobody, owner
from mediaserver.domain.social.tweets import VISIBLE

_POLICY = Policy(create=anyone, read=VISIBLE, update=nobody, delete=owner("user_id"))
_LIKER = Reference("user_id", "users", "cascade", shown="user")


class TweetLike(Consequential):
    collection: ClassVar[str] = "tweet_likes"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("user_id", "tweet_id"), unique=True),
        Index(("tweet_id", "_id")),
    )
    references: ClassVar[tuple[Reference, ...]] = (_LIKER, Reference("tweet_id", "tweets", "cascade"))
    policy: ClassVar[Policy] = _POLICY

    user_id: Id
    tweet_id: Id


class CommentLike(Consequential):
    collection: ClassVar[str] = "comment_likes"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("user_id", "comment_id"), unique=True),
        Index(("comment_id", "_id")),
    )
    references: ClassVar[tuple[Reference, ...]] = (_LIKER, Reference("comment_id", "comments", "cascade"))
    policy: ClassVar[Policy] = _POLICY

    user_id: Id
    comment_id: Id
