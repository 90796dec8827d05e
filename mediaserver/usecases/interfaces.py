"""What the use cases' context holds of other topics, as protocols: the context imports no topic.

The implementations are `login.passwords.Passwords`, `login.tokens.AccessTokens` and
`social.relationships.RelationshipCache`; the composition root passes them in.
"""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from mediaserver.domain.documents.actor import Actor


class PasswordHashing(Protocol):
    """Hashes passwords and compares them with stored hashes, outside of the event loop's thread."""

    def turn(self, source: str = "", *, known: bool = False) -> AbstractAsyncContextManager[None]:
        """Hold one of the few turns to hash. Raises: Unavailable("busy")."""

    async def hash(self, password: str) -> str:
        """Return a new hash of the password."""

    async def matches(self, stored: str | None, password: str) -> bool:
        """Return whether the password is that of the hash; takes as long when there is no hash."""

    def is_outdated(self, stored: str) -> bool:
        """Return whether the hash was made with weaker parameters than those in force."""


class AccessTokenService(Protocol):
    """Issues and verifies access tokens, and remembers verified ones for a short time."""

    @property
    def ttl_s(self) -> int:
        """Lifetime of a token in seconds."""

    @property
    def revision(self) -> int:
        """Grows whenever tokens are forgotten: lookups that began before must not be remembered."""

    def issue(self, actor: Actor, now: datetime) -> str:
        """Return a signed token that names the actor."""

    def recall(self, token: str, now: datetime) -> Actor | None:
        """Return the actor of a token that was verified a moment ago, if it is still valid."""

    def verify(self, token: str, now: datetime) -> tuple[str, str, float]:
        """Return user id, login id and expiry (Unix seconds). Raises: Unauthenticated."""

    def remember(self, token: str, expires: float, actor: Actor, revision: int, now: datetime) -> None:
        """Remember a verified token, unless tokens were forgotten since `revision`."""

    def forget_login(self, user_id: str, login_id: str) -> None:
        """Forget the tokens of one login."""

    def forget_user(self, user_id: str) -> None:
        """Forget all tokens of a user."""


class Relationships(Protocol):
    """Which users follow and block each other, cached for a short time."""

    async def followed(self, user_id: str) -> frozenset[str]:
        """Return the ids of the users whom the user follows."""

    async def blocked_either_way(self, user_id: str) -> frozenset[str]:
        """Return the ids of the users whom the user has blocked or who have blocked the user."""
