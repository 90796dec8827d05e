"""Connections that have not signed in yet: their number, their deadlines, and which one is closed for a new one.

A new connection is never refused: when there are too many, the oldest one of the network with the most
connections is closed. A client that opens thousands of connections therefore only closes its own. Pure: the
clock is passed in.
"""

import heapq
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Entry:
    network: str
    due_s: float


class PendingConnections:
    """At most `limit` connections. Networks are the keys that `client_network` returns."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: dict[str, _Entry] = {}
        """Entries by connection, oldest first."""
        self._deadlines: list[tuple[float, str]] = []
        """A heap of deadlines. Outdated ones stay in it until their time."""
        self._networks: dict[str, dict[str, None]] = {}
        """The connections of each network, oldest first."""
        self._by_count: dict[int, dict[str, None]] = {}
        """Networks by number of connections, so that the largest is found without a search."""
        self._most = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, connection: str) -> bool:
        return connection in self._entries

    def add(self, connection: str, network: str, due_s: float) -> str | None:
        """Add a connection with a deadline; return the connection that must be closed for it, if any."""
        self.remove(connection)
        evicted = self._oldest_of_the_largest() if len(self._entries) >= self._limit else None
        if evicted is not None:
            self.remove(evicted)
        self._entries[connection] = _Entry(network, due_s)
        heapq.heappush(self._deadlines, (due_s, connection))
        connections = self._networks.setdefault(network, {})
        connections[connection] = None
        self._recount(network, len(connections) - 1, len(connections))
        return evicted

    def remove(self, connection: str) -> None:
        """Remove a connection that has signed in or was closed; unknown ones are ignored."""
        if (entry := self._entries.pop(connection, None)) is None:
            return
        connections = self._networks[entry.network]
        del connections[connection]
        self._recount(entry.network, len(connections) + 1, len(connections))
        if not connections:
            del self._networks[entry.network]

    def expire(self, now: float) -> list[str]:
        """Remove and return the connections whose deadline has passed."""
        late = []
        while (due_s := self.next_due_s()) is not None and due_s <= now:
            _, connection = heapq.heappop(self._deadlines)
            late.append(connection)
            self.remove(connection)
        return late

    def next_due_s(self) -> float | None:
        """Return the next deadline; None when no connection waits."""
        while self._deadlines:
            due_s, connection = self._deadlines[0]
            entry = self._entries.get(connection)
            if entry is not None and entry.due_s == due_s:
                return due_s
            heapq.heappop(self._deadlines)
        return None

    def _oldest_of_the_largest(self) -> str:
        network = next(iter(self._by_count[self._most]))
        return next(iter(self._networks[network]))

    def _recount(self, network: str, before: int, after: int) -> None:
        if before:
            networks = self._by_count[before]
            del networks[network]
            if not networks:
                del self._by_count[before]
        if after:
            self._by_count.setdefault(after, {})[network] = None
        self._most = max(self._most, after)
        while self._most and self._most not in self._by_count:
            self._most -= 1
