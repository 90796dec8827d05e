"""Access tokens are short-lived JWTs (RFC 7519, HS256); refresh and reset tokens are random and stored as hashes.

Verified access tokens are cached briefly, or until their login, user or role changes, so most requests need one
dictionary lookup. `revocations` reports changes by other processes within a second.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta

import jwt

from mediaserver.base.errors import Unauthenticated
from mediaserver.base.ids import ID_PATTERN
from mediaserver.domain.documents.actor import Actor
from mediaserver.usecases.events import (
    BusInterrupted,
    Events,
    LoginRevoked,
    RoleChanged,
    UserDeactivated,
    UserUpdated,
)

_ALGORITHM = "HS256"
_REMEMBERED = 50_000
_RECHECK_S = 30.0


class AccessTokens:
    """Issues access tokens and caches the actors of verified ones."""

    def __init__(self, key: bytes, ttl_s: int) -> None:
        self.ttl_s = ttl_s
        self.revision = 0
        """Incremented by each `forget…` method: an actor read before it must not be cached after it."""
        self._key = key
        self._known: OrderedDict[str, tuple[float, Actor]] = OrderedDict()
        self._of_user: dict[str, set[str]] = {}
        """The cached tokens of each user."""

    def heed(self, events: Events) -> None:
        """Subscribe to the events of all nodes that invalidate cached tokens."""
        events.subscribe(LoginRevoked, lambda event: self.forget_login(event.user_id, event.login_id))
        events.subscribe(RoleChanged, lambda event: self.forget_user(event.user_id))
        events.subscribe(UserUpdated, lambda event: self.forget_user(event.user_id))
        events.subscribe(UserDeactivated, lambda event: self.forget_user(event.user_id))
        events.subscribe(BusInterrupted, lambda event: self.forget_all())

    def issue(self, actor: Actor, now: datetime) -> str:
        expires = now + timedelta(seconds=self.ttl_s)
        claims = {"sub": actor.user_id, "login": actor.login_id, "role": actor.role, "exp": expires, "iat": now}
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def recall(self, token: str, now: datetime) -> Actor | None:
        """Return the cached actor of a verified token, or None."""
        known = self._known.get(token)
        if known is None:
            return None
        until, actor = known
        if now.timestamp() >= until:
            self._drop(token)
            return None
        return actor

    def verify(self, token: str, now: datetime) -> tuple[str, str, float]:
        """Return `(user_id, login_id, expiry in Unix seconds)`. Raises: Unauthenticated."""
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                # Expiry is checked below against the injected clock.
                options={"require": ["sub", "login", "exp"], "verify_exp": False, "verify_iat": False},
            )
            user_id, login_id, expires = str(claims["sub"]), str(claims["login"]), float(claims["exp"])
        except (jwt.InvalidTokenError, ValueError, TypeError):
            raise Unauthenticated("unauthenticated", "The access token is not valid. Sign in again.") from None
        if now.timestamp() >= expires:
            raise Unauthenticated("token_expired", "The access token has expired. Refresh it.")
        return user_id, login_id, expires

    def remember(self, token: str, expires: float, actor: Actor, revision: int, now: datetime) -> None:
        if revision != self.revision:
            return
        self._known[token] = (min(expires, now.timestamp() + _RECHECK_S), actor)
        self._known.move_to_end(token)
        self._of_user.setdefault(actor.user_id, set()).add(token)
        if len(self._known) > _REMEMBERED:
            self._drop(next(iter(self._known)))

    def forget_login(self, user_id: str, login_id: str) -> None:
        self.revision += 1
        for token in tuple(self._of_user.get(user_id, ())):
            if self._known[token][1].login_id == login_id:
                self._drop(token)

    def forget_user(self, user_id: str) -> None:
        self.revision += 1
        for token in tuple(self._of_user.get(user_id, ())):
            self._drop(token)

    def forget_all(self) -> None:
        self.revision += 1
        self._known.clear()
        self._of_user.clear()

    def _drop(self, token: str) -> None:
        _, actor = self._known.pop(token)
        others = self._of_user[actor.user_id]
        others.discard(token)
        if not others:
            del self._of_user[actor.user_id]


def new_refresh_token(key: bytes, login_id: str) -> tuple[str, str]:
    """Return `(token, hash)` of a new refresh token: `{login id}.{256 random bits}.{MAC over both}`.

    The MAC, made with a key derived from `key`, lets the server recognize every token that it issued for a
    login without storing them all, which makes reuse of old tokens detectable.
    """
    unsigned, _ = new_token(login_id)
    token = f"{unsigned}.{_issuing_mac(key, unsigned)}"
    return token, hash_token(token)


def was_issued(key: bytes, token: str) -> bool:
    """Return whether this server issued the token; False for tokens that predate the MAC."""
    unsigned, _, mac = token.rpartition(".")
    given = mac.encode("utf-8", "surrogatepass")
    return hmac.compare_digest(given, _issuing_mac(key, unsigned).encode())


def _issuing_mac(key: bytes, unsigned: str) -> str:
    # No other text that is signed with the server's key begins with NUL.
    own = hmac.digest(key, b"\0refresh tokens", "sha256")
    digest = hmac.digest(own, unsigned.encode("utf-8", "surrogatepass"), "sha256")
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def new_token(about: str) -> tuple[str, str]:
    """Return `(token, hash)`: the token contains the id `about` and 256 random bits; only the hash is stored."""
    token = f"{about}.{secrets.token_urlsafe(32)}"
    return token, hash_token(token)


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token. No salt is needed, since tokens are random."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def subject_of(token: str) -> str:
    """Return the id that a token of `new_token` contains; empty when it is malformed."""
    subject = token.partition(".")[0]
    return subject if re.fullmatch(ID_PATTERN, subject) else ""
