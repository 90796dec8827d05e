"""Path validation: our own binding requests to the addresses from which clients' checks arrive.

The source address of a datagram can be forged, so a valid check proves that its sender knows the password, but
not its address. Only a response to a random transaction id that we sent there proves that (as in RFC 9000
section 8.2). Requests are few and never larger than the check that caused them, so that they are useless for
reflection attacks. The clock is passed in; this module performs no I/O.
"""

import heapq
import secrets
from itertools import count
from typing import Final, Generic, TypeVar

from mediaserver.base.limits.token_bucket import TokenBucket
from mediaserver.media.net import stun
from mediaserver.media.net.route import Route
from mediaserver.media.net.stun import Credentials

RTO_S: Final = 0.5
"""Timeout of the first request; it doubles with each further one (RFC 8445 section 14.3)."""
MAX_REQUESTS: Final = 3
"""Requests to an address before it counts as unreachable."""
RETRY_S: Final = 2.0
"""How long an unreachable address gets no further requests."""

_PER_SECOND: Final = 1000.0
_BURST: Final = 2000.0
"""Requests of a worker: enough for 500 clients with four candidate pairs each at once."""


Subject = TypeVar("Subject")


class Challenge(Generic[Subject]):
    """A transaction: a request to one address, sent up to three times. `subject` belongs to the caller."""

    __slots__ = ("_password", "due_s", "over", "request", "route", "sent", "subject", "transaction")

    def __init__(self, subject: Subject, route: Route, local_ufrag: str, remote: Credentials, now: float) -> None:
        self.subject, self.route = subject, route
        self.transaction = secrets.token_bytes(12)
        self.request = stun.request(self.transaction, local_ufrag, remote)
        self.sent, self.due_s = 1, now + RTO_S
        self.over = False
        """Whether it was answered, canceled, or has timed out."""
        self._password = remote.password.encode()

    def is_answered_by(self, response: stun.Response, route: Route) -> bool:
        """Return whether a response came from the address we asked and is signed with the same credentials."""
        return route == self.route and response.success and response.has_integrity(self._password)


class PathValidator(Generic[Subject]):
    """The challenges of a port: starts them within a budget, repeats them, and matches responses."""

    def __init__(self) -> None:
        self._pending: dict[bytes, Challenge[Subject]] = {}
        self._due: list[tuple[float, int, Challenge[Subject]]] = []
        self._order = count()
        self._budget = TokenBucket(_PER_SECOND, _BURST, 0.0)

    def start(
        self, subject: Subject, route: Route, local_ufrag: str, remote: Credentials, limit: int, now: float
    ) -> Challenge[Subject] | None:
        """Return a challenge whose request must be sent now.

        None when the worker's budget is used up, or when the request would be longer than `limit` bytes, the
        size of the check that causes it. The client repeats its check, so the challenge is started later.
        """
        if not self._budget.take(1, now):
            return None
        challenge = Challenge(subject, route, local_ufrag, remote, now)
        if len(challenge.request) > limit:
            return None
        self._pending[challenge.transaction] = challenge
        self._schedule(challenge)
        return challenge

    def cancel(self, challenge: Challenge[Subject]) -> None:
        """Cancel a challenge: a response that still arrives proves nothing."""
        self._pending.pop(challenge.transaction, None)
        challenge.over = True

    def answered(self, response: stun.Response, route: Route) -> Challenge[Subject] | None:
        """Return and end the challenge that a response answers; None for a response that proves nothing."""
        challenge = self._pending.get(response.transaction)
        if challenge is None or not challenge.is_answered_by(response, route):
            return None
        self.cancel(challenge)
        return challenge

    def due(self, now: float) -> list[Challenge[Subject]]:
        """Return the challenges whose request must be sent again. Must be called at least a few times per
        second."""
        again: list[Challenge[Subject]] = []
        while self._due and self._due[0][0] <= now:
            challenge = heapq.heappop(self._due)[2]
            if challenge.over:
                continue
            if challenge.sent == MAX_REQUESTS:
                self.cancel(challenge)
                continue
            challenge.sent += 1
            challenge.due_s = now + RTO_S * 2 ** (challenge.sent - 1)
            self._schedule(challenge)
            again.append(challenge)
        return again

    def _schedule(self, challenge: Challenge[Subject]) -> None:
        heapq.heappush(self._due, (challenge.due_s, next(self._order), challenge))
