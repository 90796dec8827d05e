"""Connections that have not signed in yet: how many, for how long, and which one is closed for a new one.

A new connection is never refused: when there are too many, the oldest one of the network that holds most is
closed. So somebody who opens thousands of connections only closes their own. Pure: the clock is passed in.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Entry:
    network: str
    due_s: float


class PendingConnections:
    """At most `limit` connections, each for `sign_in_s` seconds; `network` is what `client_network` returned."""

    def __init__(self, limit: int, sign_in_s: float) -> None:
        self._limit, self._sign_in_s = limit, sign_in_s
        self._entries: dict[str, _Entry] = {}
        """Oldest first, so also in the order of their deadlines."""
        self._networks: dict[str, dict[str, None]] = {}
        """The connections of each network, oldest first."""
        self._by_count: dict[int, dict[str, None]] = {}
        """The networks that hold so many connections, so that the largest is found without a search."""
        self._most = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, connection: str) -> bool:
        return connection in self._entries

    def add(self, connection: str, network: str, now: float) -> str | None:
        """Let `connection` wait from now on; return the connection that must be closed instead, if any."""
        self.remove(connection)
        evicted = self._oldest_of_the_largest() if len(self._entries) >= self._limit else None
        if evicted is not None:
            self.remove(evicted)
        self._entries[connection] = _Entry(network, now + self._sign_in_s)
        connections = self._networks.setdefault(network, {})
        connections[connection] = None
        self._recount(network, len(connections) - 1, len(connections))
        return evicted

    def remove(self, connection: str) -> None:
        """It has signed in or is over; unknown connections are ignored."""
        if (entry := self._entries.pop(connection, None)) is None:
            return
        connections = self._networks[entry.network]
        del connections[connection]
        self._recount(entry.network, len(connections) + 1, len(connections))
        if not connections:
            del self._networks[entry.network]

    def expire(self, now: float) -> list[str]:
        """Remove and return the connections whose time is up."""
        late = []
        for connection, entry in self._entries.items():
            if entry.due_s > now:
                break
            late.append(connection)
        for connection in late:
            self.remove(connection)
        return late

    def next_due_s(self) -> float | None:
        """When `expire` has something to do next; None while nothing waits."""
        return next((entry.due_s for entry in self._entries.values()), None)

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
