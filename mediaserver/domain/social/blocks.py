"""Blocks: two people between whom there is one do not see, follow, mention or write to each other."""

from typing import ClassVar

from mediaserver.domain.documents.document import Consequential, Id, Index, Reference
from mediaserver.domain.documents.policy import Policy, anyone, nobody, owner

MINE = owner("user_id")


class Block(Consequential):
    """Whom a person had enough of: neither sees, follows, names or finds the other. Only they know of it."""

    collection: ClassVar[str] = "blocks"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("user_id", "blocked_user_id"), unique=True),
        Index(("blocked_user_id",)),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("user_id", "users", "cascade"),
        Reference("blocked_user_id", "users", "cascade", shown="blocked"),
    )
    policy: ClassVar[Policy] = Policy(create=anyone, read=MINE, update=nobody, delete=MINE)

    user_id: Id
    blocked_user_id: Id
