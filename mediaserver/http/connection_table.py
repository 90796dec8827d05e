"""Which connections are open, how many of each address, and which one is closed to make room for another.

A connection is `PENDING` until a request has arrived completely, `IDLE` between requests and `BUSY` during one.
Busy connections are never closed for others. The limit of one address makes room among its own connections; the
total limit, which also protects the process's file descriptors, among those of the address that holds most.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class State(Enum):
    """What a connection is doing."""

    PENDING = auto()
    IDLE = auto()
    BUSY = auto()


@dataclass(slots=True)
class _Holder(Generic[K]):
    """The connections of one address; those that may be closed in the order in which they became so."""

    count: int = 0
    pending: dict[K, None] = field(default_factory=dict)
    idle: dict[K, None] = field(default_factory=dict)

    def oldest(self) -> K | None:
        """The connection to close first."""
        for waiting in (self.pending, self.idle):
            for key in waiting:
                return key
        return None


class ConnectionTable(Generic[K]):
    """At most `total` connections, and `per_network` of one address. The keys are the connections."""

    def __init__(self, total: int, per_network: int) -> None:
        self.total, self.per_network = total, per_network
        self._networks: dict[K, tuple[str, bool]] = {}
        self._holders: dict[str, _Holder[K]] = {}
        self._ranks: dict[int, dict[str, None]] = {}
        """Addresses by how many of their connections may be closed: finding the largest must stay cheap."""
        self._top = 0
        self.closed: Counter[str] = Counter()
        """Connections that were refused or closed for others, by reason."""

    def __len__(self) -> int:
        return len(self._networks)

    def admit(self, key: K, network: str, limited: bool = True) -> tuple[bool, K | None]:
        """Add a pending connection: return whether it is admitted, and which other one is to be closed for it.

        `limited` is False for trusted proxies, which speak for many addresses: only the total limit applies.
        The connection to close leaves the table at once.
        """
        victim: K | None = None
        holder = self._holders.get(network)
        if limited and holder is not None and holder.count >= self.per_network:
            victim = holder.oldest()
            if victim is None:
                self.closed["address_limit"] += 1
                return False, None
        elif len(self._networks) >= self.total:
            victim = self.oldest()
            if victim is None:
                self.closed["total_limit"] += 1
                return False, None
        if victim is not None:
            self.closed["made_room"] += 1
            self.leave(victim)
        self._networks[key] = network, limited
        holder = self._holders.setdefault(network, _Holder())
        holder.count += 1
        self._place(holder, network, key, State.PENDING)
        return True, victim

    def oldest(self) -> K | None:
        """The connection to close first of all: one of the address that holds most that may be closed."""
        while self._top and not self._ranks.get(self._top):
            self._top -= 1
        if not self._top:
            return None
        return self._holders[next(iter(self._ranks[self._top]))].oldest()

    def change(self, key: K, state: State) -> None:
        """Note what a connection is doing now; one that has left already is ignored."""
        if key in self._networks:
            network = self._networks[key][0]
            self._place(self._holders[network], network, key, state)

    def leave(self, key: K) -> None:
        """Forget a connection; it may have left already."""
        if key not in self._networks:
            return
        network, _ = self._networks.pop(key)
        holder = self._holders[network]
        self._place(holder, network, key, State.BUSY)
        holder.count -= 1
        if not holder.count:
            del self._holders[network]

    def _place(self, holder: _Holder[K], network: str, key: K, state: State) -> None:
        before = len(holder.pending) + len(holder.idle)
        if not (state is State.PENDING and key in holder.pending):  # it keeps its place in the order
            holder.pending.pop(key, None)
            holder.idle.pop(key, None)
            if state is not State.BUSY:
                (holder.pending if state is State.PENDING else holder.idle)[key] = None
        after = len(holder.pending) + len(holder.idle)
        if before == after:
            return
        if (rank := self._ranks.get(before)) is not None:
            rank.pop(network, None)
            if not rank:
                del self._ranks[before]
        if after:
            self._ranks.setdefault(after, {})[network] = None
            self._top = max(self._top, after)
