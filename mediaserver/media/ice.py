"""The ICE-lite agents of one UDP port: who may talk to us over which route (RFC 8445).

A route is bound to an agent only by a check with valid MESSAGE-INTEGRITY, and always to the newest
such check's agent.
The clock is passed in; nothing here touches a socket.
"""

import secrets
from collections import Counter
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

from mediaserver.media import stun
from mediaserver.media.stun import Address

SILENT_S: Final = 7.0
"""No sign of life for so long: disconnected. Idle clients check every 4 to 6 s (RFC 7675 section 5.1)."""
CONSENT_S: Final = 30.0
"""No valid check for so long: nothing more is sent there (RFC 7675 section 5.1)."""

_MAX_ROUTES: Final = 16
_MAX_TRANSACTIONS: Final = 256
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

Owner = TypeVar("Owner")


class Route(NamedTuple):
    """A candidate pair: which address of ours a client reached, and from where. Answers go back the same way."""

    local: str
    remote: Address


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


class Credentials:
    """One ICE generation's ufrag and password (48 and 143 random bits; RFC 8445 section 5.3 asks 24 and 128)."""

    __slots__ = ("password", "ufrag")

    def __init__(self) -> None:
        self.ufrag, self.password = _random(8), _random(24)


class Agent(Generic[Owner]):
    """The ICE state of one transport. `selected` is where we send to, None before the first valid check."""

    def __init__(self, owner: Owner, on_selected: Callable[[], None]) -> None:
        self.owner = owner
        self.credentials = Credentials()
        self.previous: Credentials | None = None
        """Those before a restart; good until the client nominates with the new ones (RFC 8445 section 9)."""
        self.selected: Route | None = None
        self.routes: dict[Route, float] = {}
        """Bound routes and the time of their last valid check, newest last."""
        self.last_check: float | None = None
        self._on_selected = on_selected
        self._transactions: dict[bytes, Route] = {}

    def is_replay(self, transaction: bytes, route: Route) -> bool:
        """Whether this transaction was seen from elsewhere: a check that someone recorded and sends again."""
        seen = self._transactions.setdefault(transaction, route)
        if len(self._transactions) > _MAX_TRANSACTIONS:
            del self._transactions[next(iter(self._transactions))]
        return seen != route

    def select(self, route: Route) -> None:
        if route != self.selected:
            self.selected = route
            self._on_selected()


class Agents(Generic[Owner]):
    """All agents of one port. `owners` maps bound routes to owners of agents; the port reads it per packet."""

    def __init__(self) -> None:
        self.owners: dict[Route, Owner] = {}
        self.dropped: Counter[str] = Counter()
        self._by_ufrag: dict[str, Agent[Owner]] = {}
        self._by_route: dict[Route, Agent[Owner]] = {}

    def open(self, owner: Owner, on_selected: Callable[[], None]) -> Agent[Owner]:
        agent = Agent(owner, on_selected)
        self._by_ufrag[agent.credentials.ufrag] = agent
        return agent

    def restart(self, agent: Agent[Owner]) -> None:
        """New credentials; the old ones stay good until the client has moved to the new (RFC 8445 section 9)."""
        self._retire(agent)
        agent.previous, agent.credentials = agent.credentials, Credentials()
        self._by_ufrag[agent.credentials.ufrag] = agent

    def close(self, agent: Agent[Owner]) -> None:
        self._retire(agent)
        self._by_ufrag.pop(agent.credentials.ufrag, None)
        for route in list(agent.routes):
            self._unbind(agent, route)

    def receive(self, data: bytes, route: Route, now: float) -> bytes | None:
        """Take a datagram that looks like STUN; the answer to send back over `route`, if it deserves one."""
        try:
            request = stun.parse_request(data)
        except stun.Malformed:
            self.dropped["stun_malformed"] += 1
            return None
        agent = self._by_ufrag.get(request.local_ufrag)
        if agent is None:
            self.dropped["stun_unknown_ufrag"] += 1
            return None
        credentials = agent.credentials
        if agent.previous and agent.previous.ufrag == request.local_ufrag:
            credentials = agent.previous
        password = credentials.password.encode()
        if not request.has_integrity(password):
            self.dropped["stun_integrity"] += 1
            return None
        if agent.is_replay(request.transaction, route):
            self.dropped["stun_replay"] += 1
            return None
        if request.unknown:
            return stun.error(request.transaction, 420, password, request.unknown)
        if request.controlled:  # a lite agent never leaves the controlled role (RFC 8445 section 7.3.1.1)
            return stun.error(request.transaction, 487, password)
        self._accept(agent, credentials, request, route, now)
        return stun.success(request.transaction, route.remote, password)

    def _accept(
        self, agent: Agent[Owner], credentials: Credentials, request: stun.Request, route: Route, now: float
    ) -> None:
        agent.last_check = now
        self._bind(agent, route, now)
        current = credentials is agent.credentials
        if agent.selected is None or (request.use_candidate and current):
            agent.select(route)
        elif now - agent.routes[agent.selected] > SILENT_S:
            agent.select(route)  # a NAT gave the client another address: it nominates nothing anew
        if current and request.use_candidate:
            self._retire(agent)

    def _bind(self, agent: Agent[Owner], route: Route, now: float) -> None:
        holder = self._by_route.get(route)
        if holder is not agent:
            if holder is not None:  # its client is gone: the route now answers for another
                self._unbind(holder, route)
            self._by_route[route] = agent
            self.owners[route] = agent.owner
        agent.routes.pop(route, None)
        agent.routes[route] = now
        if len(agent.routes) > _MAX_ROUTES:
            self._unbind(agent, next(old for old in agent.routes if old != agent.selected))

    def _unbind(self, agent: Agent[Owner], route: Route) -> None:
        agent.routes.pop(route, None)
        self._by_route.pop(route, None)
        self.owners.pop(route, None)
        if agent.selected == route:
            agent.selected = None
            agent._on_selected()

    def _retire(self, agent: Agent[Owner]) -> None:
        if agent.previous:
            self._by_ufrag.pop(agent.previous.ufrag, None)
            agent.previous = None
