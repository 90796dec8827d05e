"""Requests that came with an `Idempotency-Key`: each is carried out once, and its answer given again."""

from datetime import datetime, timedelta
from typing import ClassVar, Literal

from mediaserver.domain.documents.document import Document, Index, Moment

State = Literal["running", "open", "done"]
"""`open`: the attempt failed on our side or was broken off; the next one goes on with the same reserved id."""

ABANDONED_S = 60
"""An attempt that gave no sign of life for so long died with its server."""


class IdempotentRequest(Document):
    """What is stored of such a request; the database alone tells nothing of its content."""

    collection: ClassVar[str] = "idempotent_requests"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("key",), unique=True),
        Index(("expires_at",), expire_after_s=0),
        Index(("user_id",)),
    )

    key: str
    """A keyed hash of the person and the `Idempotency-Key`."""
    user_id: str | None = None
    """None: whoever it was did not sign in for it."""
    fingerprint: str
    """A keyed hash of method, path and body."""
    reserved_id: str
    """What the request creates gets this id, in each attempt, so that it is created once."""
    state: State = "running"
    attempt: str
    """Drawn by each attempt: only the latest may change this document."""
    attempted_at: Moment
    """The attempt's latest sign of life."""
    answer: bytes | None = None
    """Encrypted."""
    expires_at: Moment

    def taken(self, now: datetime) -> bool:
        """Somebody works on it, as far as can be told."""
        return self.state == "running" and now - self.attempted_at < timedelta(seconds=ABANDONED_S)
