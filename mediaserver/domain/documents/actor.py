"""Who acts: a signed-in person as a verified access token names them."""

from dataclasses import dataclass
from typing import Literal

from mediaserver.base.signing import LinkHolder

Role = Literal["student", "instructor", "admin"]


@dataclass(frozen=True, slots=True)
class Actor:
    user_id: str
    username: str
    role: Role
    login_id: str
    """The refresh-token family that the access token belongs to: revoking it ends this actor."""
    verified: bool = True
    """Whether the email address is confirmed, or does not have to be."""
    login_epoch: int = 0
    """The epoch of that login: file URLs end with it."""

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def link_holder(self) -> LinkHolder:
        """The reader for whom file URLs are made."""
        return LinkHolder(self.user_id, self.login_id, self.login_epoch)


Fact = Literal["courses", "published", "blocks"]


@dataclass(frozen=True, slots=True)
class Viewer(Actor):
    """An actor and what rules ask about them, as far as it was asked for (`Rule.needs`)."""

    enrolled: frozenset[str] = frozenset()
    """Ids of the courses that they take."""
    teaches: frozenset[str] = frozenset()
    """Ids of the courses whose instructor they are."""
    published: frozenset[str] = frozenset()
    """Of the courses that what is being judged belongs to, the ids of those that are published."""
    hidden: frozenset[str] = frozenset()
    """Ids of the people whom they blocked or who blocked them."""
