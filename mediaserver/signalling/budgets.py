"""Budgets of connections, users and networks for what they send. Pure: the clock is passed in.

The unit is the work of one small event; `costs` lists what larger requests cost. A budget has two limits: when
it is used up, requests are refused (`too_many`) until it has recovered; a client that continues until its debt
equals the burst is abusing the server, and its connection is closed.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from mediaserver.base.limits.token_bucket import TokenBucket
from mediaserver.base.settings.tree import SignallingSettings

_LEAST_WAIT_S: Final = 0.1
"""Shortest time that a refused client is asked to wait."""


class Budget:
    """A token bucket that allows a debt of `tolerance` units."""

    __slots__ = ("_bucket", "_tolerance")

    def __init__(self, rate_per_s: float, burst: float, now: float, tolerance: float | None = None) -> None:
        self._bucket = TokenBucket(rate_per_s, burst, now)
        self._tolerance = burst if tolerance is None else tolerance

    def charge(self, cost: float, now: float) -> bool:
        """Charge work that is done in any case; return False when the client must be disconnected."""
        self._bucket.charge(cost, now)
        return self._bucket.level(now) >= -self._tolerance

    def wait_s(self, now: float) -> float:
        """Return for how long requests are refused; 0 unless the budget is used up."""
        missing = -self._bucket.level(now)
        return 0.0 if missing <= 0 else max(_LEAST_WAIT_S, missing / self._bucket.rate_per_s)

    def is_full(self, now: float) -> bool:
        return self._bucket.is_full(now)


@dataclass(slots=True)
class UserBudget:
    """The budgets shared by all connections of a user."""

    work: Budget
    chat: TokenBucket
    messages: TokenBucket
    typing: TokenBucket
    connections: int = 0

    def is_full(self, now: float) -> bool:
        return all(each.is_full(now) for each in (self.work, self.chat, self.messages, self.typing))


class UserBudgets:
    """The budget of each user. It outlives the user's connections until it has recovered."""

    def __init__(self, settings: SignallingSettings) -> None:
        self._settings = settings
        self._budgets: dict[str, UserBudget] = {}
        self._sweep_at = 1024

    def __len__(self) -> int:
        return len(self._budgets)

    def of(self, user_id: str, now: float) -> UserBudget:
        """Return the user's budget; a full one for users without a recent connection."""
        budget = self._budgets.get(user_id)
        if budget is None:
            if len(self._budgets) >= self._sweep_at:
                self._sweep(now)
            budget = self._budgets[user_id] = self._new(now)
        return budget

    def release(self, user_id: str, now: float) -> None:
        """Release a closed connection's share; forget the budget if it is full and unused."""
        budget = self._budgets.get(user_id)
        if budget is not None and budget.connections <= 0 and budget.is_full(now):
            del self._budgets[user_id]

    def _new(self, now: float) -> UserBudget:
        settings = self._settings
        return UserBudget(
            Budget(settings.user_events_per_s, settings.user_event_burst, now),
            TokenBucket(settings.chat_per_s, settings.chat_burst, now),
            TokenBucket(settings.messages_per_s, settings.message_burst, now),
            TokenBucket(settings.typing_per_s, settings.typing_burst, now),
        )

    def _sweep(self, now: float) -> None:
        """Forget recovered budgets, only when their number has doubled, so that the cost per user stays small."""
        self._budgets = {
            user: budget
            for user, budget in self._budgets.items()
            if budget.connections > 0 or not budget.is_full(now)
        }
        self._sweep_at = max(1024, 2 * len(self._budgets))


class NetworkBudgets:
    """Handshakes per network. A network that keeps connecting without signing in is slowed down, not refused."""

    _VIOLATION: Final = 50
    _REFUSED: Final = 5
    _MOST_DEBT_S: Final = 5.0
    """Longest time for which a network is slowed down after its last handshake."""
    _MOST: Final = 10_000
    """Number of networks that are remembered; beyond it, the least recently used one is forgotten."""

    def __init__(self, rate_per_s: float, burst: float, delay_s: float) -> None:
        self._rate_per_s, self._burst, self._delay_s = rate_per_s, burst, delay_s
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def handshake(self, network: str, now: float) -> float:
        """Charge a handshake; return how many seconds it must wait."""
        return self._delay_s if self._charge(network, 1, now) < 0 else 0.0

    def violation(self, network: str, now: float) -> None:
        """Charge a connection of this network that broke a limit before signing in."""
        self._charge(network, self._VIOLATION, now)

    def refused(self, network: str, now: float) -> None:
        """Charge a sign-in from this network that was refused."""
        self._charge(network, self._REFUSED, now)

    def signed_in(self, network: str, now: float) -> None:
        """Refund a handshake that led to a sign-in."""
        if network in self._buckets:
            self._charge(network, -1, now)

    def _charge(self, network: str, cost: float, now: float) -> float:
        bucket = self._buckets.pop(network, None)
        if bucket is None:
            bucket = TokenBucket(self._rate_per_s, self._burst, now)
            if len(self._buckets) >= self._MOST:
                self._buckets.popitem(last=False)
        self._buckets[network] = bucket
        level = bucket.level(now)
        # A larger debt would only slow down the network's other users for longer.
        bucket.charge(min(cost, level + self._MOST_DEBT_S * self._rate_per_s), now)
        return bucket.level(now)
