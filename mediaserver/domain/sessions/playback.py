"""Playbacks of recordings: what lets a player go on with a link that may no longer be started with."""

from datetime import datetime, timedelta
from typing import ClassVar

from mediaserver.domain.documents.document import Document, Index, Moment, Reference
from mediaserver.domain.documents.policy import Policy, nobody


class PlaybackGrant(Document):
    """One login plays one recording with one link: the link keeps working until `expires_at`.

    Players read a film in many requests, for as long as somebody watches it. The link itself expires soon, so
    that one found later in a log or a history is worthless.
    """

    collection: ClassVar[str] = "playback_grants"
    indexes: ClassVar[tuple[Index, ...]] = (
        # Of several first requests at once, one opens the grant.
        Index(("login_id", "recording_id", "link_expires"), unique=True),
        Index(("user_id",)),
        Index(("recording_id",)),
        Index(("expires_at",), expire_after_s=0),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("user_id", "users", "cascade"),
        Reference("recording_id", "recordings", "cascade"),
    )
    policy: ClassVar[Policy] = Policy(create=nobody, read=nobody, update=nobody, delete=nobody)

    user_id: str
    login_id: str
    recording_id: str
    link_expires: int
    """Until when the link could be started with, Unix seconds. The links that one login got for one recording at
    the same time share a grant: the film and its single tracks."""
    opened_at: Moment
    used_at: Moment
    """When it was last used, give or take a minute."""
    expires_at: Moment

    def is_over(self, now: datetime) -> bool:
        return now >= self.expires_at


def grant_end(opened_at: datetime, used_at: datetime, max_s: float, idle_s: float) -> datetime:
    """When a grant ends unless it is used before."""
    return min(opened_at + timedelta(seconds=max_s), used_at + timedelta(seconds=idle_s))
