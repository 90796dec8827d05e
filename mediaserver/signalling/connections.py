"""The Engine.IO connections of this process: their budgets, and which of them have not signed in yet.

Everything that arrives on a connection is charged here before it is buffered or decoded: WebSocket frames,
polling requests and the packets in them. A connection that breaks a limit is reported to `abused` once, and
nothing more of it is handled.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from mediaserver.base.settings.tree import SignallingSettings
from mediaserver.signalling.budgets import Budget, NetworkBudgets, UserBudget, UserBudgets
from mediaserver.signalling.costs import frame_cost
from mediaserver.signalling.frame_meter import FrameMeter, MessageTooLarge
from mediaserver.signalling.messages import MAX_MESSAGE_BYTES
from mediaserver.signalling.pending_connections import PendingConnections

log = logging.getLogger(__name__)

Abuse = Literal["flood", "too_large"]

POLLING_TIMES: Final = 3
"""Polling clients have this many times `signalling.sign_in_s`: many open a new TCP connection for the sign-in,
which takes two more round trips with TLS, and on a mobile link each may take 2 s."""
_PENDING_PER_S: Final = 4.0
_PENDING_BURST: Final = 32.0
"""Work that a connection may cause before it signs in: the handshake, an upgrade, pings and a few attempts."""


@dataclass(slots=True, eq=False)
class Connection:
    """An Engine.IO connection."""

    id: str
    network: str
    pending: Budget
    """Charged until a user signs in."""
    message_limit: int
    work: Budget | None = None
    """Charged while a user is signed in; kept after signing out, so that signing in again does not reset it."""
    user_id: str | None = None
    user: UserBudget | None = None
    """The budget of the signed-in user."""
    over: bool = False
    """Whether a limit was broken: everything that still arrives is dropped."""
    polls: int = 0
    """Number of GET requests that wait for packets."""
    upgrading: bool = False

    def charge(self, cost: float, now: float) -> bool:
        """Charge the connection and its user; return False when it must be closed."""
        if self.user is None or self.work is None:
            return self.pending.charge(cost, now)
        within = self.work.charge(cost, now)
        return self.user.work.charge(cost, now) and within

    def wait_s(self, now: float) -> float:
        """Return for how long events are refused, because of what the connection or its user sent before."""
        if self.user is None or self.work is None:
            return 0.0
        return max(self.work.wait_s(now), self.user.work.wait_s(now))


class Connections:
    """All connections. `end` closes one on which no user signs in, `abused` one that broke a limit, with the
    reason."""

    def __init__(
        self, settings: SignallingSettings, end: Callable[[str], None], abused: Callable[[str, Abuse], None]
    ) -> None:
        self._settings, self._end, self._abused = settings, end, abused
        self._connections: dict[str, Connection] = {}
        self.pending = PendingConnections(settings.max_pending_connections)
        self.users = UserBudgets(settings)
        self.networks = NetworkBudgets(
            settings.handshakes_per_s, settings.handshake_burst, settings.handshake_delay_s
        )
        self._timer: asyncio.TimerHandle | None = None
        self.evicted = 0
        """Number of connections that were closed before sign-in to make room for newer ones."""
        self.expired = 0
        """Number of connections that were closed because no user signed in in time."""
        self.abuses: Counter[str] = Counter()
        """Number of connections that were closed because they broke a limit, by reason."""

    def get(self, connection: str) -> Connection | None:
        return self._connections.get(connection)

    # --------------------------------------------------------------- from handshake to end

    def open(self, connection: str, network: str, *, polling: bool = False) -> None:
        """Add a connection after its Engine.IO handshake; another one may be closed for it."""
        pending = Budget(_PENDING_PER_S, _PENDING_BURST, _now(), tolerance=0)
        limit = self._settings.max_pending_message_bytes
        self._connections[connection] = Connection(connection, network, pending, limit)
        self._wait(connection, network, self._settings.sign_in_s * (POLLING_TIMES if polling else 1))

    def claim(self, connection: str) -> None:
        """Stop the sign-in deadline while the user of a valid token is looked up."""
        self.pending.remove(connection)

    def sign_in(self, connection: str, user_id: str) -> UserBudget | None:
        """Apply the limits of signed-in users; return the user's budget, or None if the connection is closed."""
        if (known := self._connections.get(connection)) is None:
            return None
        now = _now()
        self.pending.remove(connection)
        if known.work is None:
            self.networks.signed_in(known.network, now)
        known.message_limit = MAX_MESSAGE_BYTES
        known.work = known.work or Budget(self._settings.events_per_s, self._settings.event_burst, now)
        known.user_id, known.user = user_id, self.users.of(user_id, now)
        known.user.connections += 1
        return known.user

    def refuse(self, connection: str) -> None:
        """Note that a sign-in was refused; the connection may try again."""
        if (known := self._connections.get(connection)) is not None:
            self.networks.refused(known.network, _now())
            self.sign_out(connection)

    def sign_out(self, connection: str) -> None:
        """Note that the user signed out; the connection may be used for another sign-in."""
        if (known := self._connections.get(connection)) is None:
            return
        self._release(known)
        known.message_limit = self._settings.max_pending_message_bytes
        if connection not in self.pending:  # otherwise the deadline stays
            self._wait(connection, known.network, self._settings.sign_in_s)

    def close(self, connection: str) -> None:
        """Forget a closed connection."""
        self.pending.remove(connection)
        if (known := self._connections.pop(connection, None)) is not None:
            self._release(known)

    def clear(self) -> None:
        """Forget all connections at shutdown."""
        for connection in list(self._connections):
            self.close(connection)
        if self._timer is not None:
            self._timer.cancel()

    # --------------------------------------------------------------- incoming data

    def websocket_meter(self, connection: Connection) -> Callable[[bytes], bool]:
        """Return a function that gets all bytes of a WebSocket and returns whether they may be handled."""
        meter = FrameMeter(connection.message_limit)

        def admit(data: bytes) -> bool:
            if connection.over:
                return False
            meter.limit, now = connection.message_limit, _now()
            try:
                for size in meter.frames(data):
                    if not connection.charge(frame_cost(size), now):
                        self.abuse(connection, "flood")
                        return False
            except MessageTooLarge:
                self.abuse(connection, "too_large")
                return False
            return True

        return admit

    def charge(self, connection: Connection, cost: float) -> bool:
        """Charge work other than frames; return False when the connection is closed because of it."""
        if connection.over:
            return False
        if connection.charge(cost, _now()):
            return True
        self.abuse(connection, "flood")
        return False

    def abuse(self, connection: Connection, reason: Abuse) -> None:
        """Close a connection that broke a limit."""
        if connection.over:
            return
        connection.over = True
        self.abuses[reason] += 1
        if connection.user is None:
            self.networks.violation(connection.network, _now())
        else:  # bounded by the user's budget
            log.warning(
                "a connection broke a limit",
                extra={"reason": reason, "socket": connection.id, "user": connection.user_id},
            )
        if connection.id in self._connections:
            self._abused(connection.id, reason)

    # --------------------------------------------------------------- inside

    def _wait(self, connection: str, network: str, seconds: float) -> None:
        evicted = self.pending.add(connection, network, _now() + seconds)
        if evicted is not None:
            self.evicted += 1
            self._end(evicted)
        self._schedule()

    def _schedule(self) -> None:
        due_s = self.pending.next_due_s()
        if self._timer is not None and due_s is not None and due_s < self._timer.when():
            self._timer.cancel()
            self._timer = None
        if self._timer is None and due_s is not None:
            self._timer = asyncio.get_running_loop().call_at(due_s, self._expire)

    def _expire(self) -> None:
        self._timer = None
        for connection in self.pending.expire(_now()):
            self.expired += 1
            self._end(connection)
        self._schedule()

    def _release(self, known: Connection) -> None:
        if known.user is not None and known.user_id is not None:
            known.user.connections -= 1
            self.users.release(known.user_id, _now())
            known.user_id = known.user = None


def _now() -> float:
    return asyncio.get_running_loop().time()
