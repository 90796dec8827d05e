"""Decide when to send a Picture Loss Indication (PLI, RFC 4585 section 6.3.1) for a stream.

The first request is sent at once and repeated at intervals until a complete keyframe has arrived.

However many subscribers ask, the publisher gets a bounded number of requests: encoders answer each with a
picture that costs all other viewers quality. One subscriber's own requests (PLI, FIR) are limited further, so
that a flood of one leaves the others theirs.
"""

import math
from collections.abc import Hashable
from typing import Final

from mediaserver.base.limits.token_bucket import TokenBucket

INTERVAL_S = 0.4
LONG_RUN_PER_S: Final = 1.0
"""Requests to one publisher's stream in the long run; `BURST` may follow each other at `INTERVAL_S`."""
BURST: Final = 10
REQUESTER_PER_S: Final = 0.5
"""Requests of one subscriber that count, in the long run, and at once."""
REQUESTER_BURST: Final = 5
_MAX_REQUESTERS: Final = 64
"""Beyond it, subscribers that did not ask lately are forgotten."""


class KeyframeRequests:
    """The pending keyframe requests of one incoming stream. Send a PLI when `ask`, `ask_for` or `due` is True."""

    __slots__ = ("_bucket", "_interval_s", "_requesters", "_sent_s", "_wanted_s")

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._sent_s: float | None = None
        self._wanted_s: float | None = None
        """When a keyframe was last asked for, until one that came afterwards is whole."""
        self._bucket: TokenBucket | None = None
        self._requesters: dict[Hashable, TokenBucket] = {}

    @property
    def wanted(self) -> bool:
        return self._wanted_s is not None

    def ask(self, now: float) -> bool:
        """Request a keyframe because packets are permanently lost."""
        self._wanted_s = now
        return self.due(now)

    def ask_for(self, requester: Hashable, now: float, arriving_since_s: float | None = None) -> bool:
        """Request a keyframe for a subscriber; requests above the subscriber's limit are ignored.

        Joining a wish that no keyframe is answering yet is free. `arriving_since_s`: see `due`.
        """
        bucket = self._requesters.get(requester)
        if bucket is None:
            self._forget_idle(now)
            bucket = self._requesters[requester] = TokenBucket(REQUESTER_PER_S, REQUESTER_BURST, now)
        if self._is_unanswered(arriving_since_s):
            return self.due(now, arriving_since_s=arriving_since_s)
        return bucket.take(1, now) and self.ask(now)

    def _is_unanswered(self, arriving_since_s: float | None) -> bool:
        """Whether there is a wish that the keyframe which is arriving came too early for."""
        wanted_s = self._wanted_s
        return wanted_s is not None and (arriving_since_s is None or arriving_since_s < wanted_s)

    def due(self, now: float, *, lacking: bool = False, arriving_since_s: float | None = None) -> bool:
        """Poll it every 50 ms or so: an unfulfilled wish is repeated (the PLI or its answer may be lost).

        `lacking`: a subscriber has no whole keyframe yet, which counts as a wish. A keyframe that is arriving
        (since `arriving_since_s`) is waited for by those whose wish it may fulfil.
        """
        wanted = self._is_unanswered(arriving_since_s) or (lacking and arriving_since_s is None)
        if not wanted or (self._sent_s is not None and now - self._sent_s < self._interval_s):
            return False
        if self._bucket is None:
            self._bucket = TokenBucket(LONG_RUN_PER_S, BURST, now)
        if not self._bucket.take(1, now):
            return False
        self._sent_s = now
        return True

    def arrived(self, began_s: float = math.inf) -> None:
        """A whole keyframe has come, whose first packet came at `began_s`: earlier wishes are fulfilled."""
        if self._wanted_s is not None and self._wanted_s <= began_s:
            self._wanted_s = None

    def _forget_idle(self, now: float) -> None:
        if len(self._requesters) >= _MAX_REQUESTERS:
            idle = [requester for requester, bucket in self._requesters.items() if bucket.is_full(now)]
            for requester in idle:
                del self._requesters[requester]
