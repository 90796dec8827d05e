"""Follows: how people come by what they read."""

from typing import ClassVar

from mediaserver.domain.documents.document import Consequential, Id, Index, Moment, Reference
from mediaserver.domain.documents.policy import (
    Policy,
    admin,
    all_of,
    any_of,
    anyone,
    nobody,
    not_blocked,
    owner,
)


class Follow(Consequential):
    """Who follows whom: nobody themselves, nobody twice, nobody across a block."""

    collection: ClassVar[str] = "follows"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("follower_user_id", "following_user_id"), unique=True),
        Index(("follower_user_id", "_id")),
        Index(("following_user_id", "_id")),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("follower_user_id", "users", "cascade", shown="follower"),
        Reference("following_user_id", "users", "cascade", shown="following"),
    )
    policy: ClassVar[Policy] = Policy(
        create=anyone,
        read=any_of(admin, all_of(not_blocked("follower_user_id"), not_blocked("following_user_id"))).hiding(),
        update=nobody,
        delete=any_of(owner("follower_user_id"), admin),
    )

    follower_user_id: Id
    following_user_id: Id
    follow_date: Moment
