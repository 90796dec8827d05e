"""The ICE agents of a UDP port: which client may use which route (RFC 8445).

They are ICE-lite with one addition (docs/decisions/0020-validated-addresses.md): a check with valid
MESSAGE-INTEGRITY makes a route a candidate, and only the client's response to our own request on this route
binds it. A bound route belongs to the agent whose client last responded on it. The clock is passed in; this
module performs no I/O.
"""

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from mediaserver.base.limits.token_bucket import TokenBucket
from mediaserver.media.net import stun
from mediaserver.media.net.path_validation import RETRY_S, Challenge, PathValidator
from mediaserver.media.net.route import Route
from mediaserver.media.net.stun import Credentials

SILENT_S: Final = 7.0
"""A client is disconnected after this time of silence. Idle clients check every 4 to 6 s (RFC 7675 section
5.1)."""
CONSENT_S: Final = 30.0
"""Sending stops after this time without a valid check or a response to our requests (RFC 7675 section 5.1)."""
REVALIDATE_S: Final = 10.0
"""Time after which a check on a bound route makes us validate the route again."""

_MAX_ROUTES: Final = 32
_MAX_CANDIDATES: Final = 32
"""Most candidates of a client: one with five interfaces that reaches six of our addresses has thirty pairs."""
_MAX_TRANSACTIONS: Final = 256
CHECKS_PER_S: Final = 100.0
CHECK_BURST: Final = 400.0
"""Checks per second of a client that are processed. Browsers send one every 20 to 50 ms while they connect."""
_CHALLENGES_PER_S: Final = 2.0
_CHALLENGE_BURST: Final = 32.0
"""Addresses to which a client can make us send requests."""
_NOMINATION_RESERVE: Final = 8.0
"""Part of the burst that is reserved for pairs that the client nominates, which must not be delayed."""
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

Owner = TypeVar("Owner")


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


@dataclass(slots=True, eq=False)
class Generation:
    """The credentials of both ends between two ICE restarts.

    Ours have 48 and 143 random bits (RFC 8445 section 5.3 requires 24 and 128). The client's are None until its
    offer is known.
    """

    local: Credentials
    remote: Credentials | None

    @classmethod
    def make(cls, remote: Credentials | None = None) -> "Generation":
        return cls(Credentials(_random(8), _random(24)), remote)


@dataclass(slots=True, eq=False)
class _Pair(Generic[Owner]):
    """What an agent knows about a route."""

    checked_s: float
    """When the last valid check arrived."""
    proved_s: float | None = None
    """When the client last responded to our request on this route; None for a candidate."""
    nominated_s: float = 0.0
    """When the client last nominated this candidate, with the credentials `nominated_by`."""
    nominated_by: Generation | None = None
    challenge: "Challenge[Agent[Owner]] | None" = None
    """The last challenge, unless it was answered."""


class _Check(NamedTuple):
    """A valid check."""

    generation: Generation
    """The credentials with which it was signed."""
    nominating: bool
    """Whether it has USE-CANDIDATE and the current credentials."""
    route: Route
    size: int
    now: float


class Agent(Generic[Owner]):
    """The ICE state of a transport. `selected` is the route for sending; None until a route is bound."""

    def __init__(self, owner: Owner, on_selected: Callable[[], None]) -> None:
        self.owner = owner
        self.generation = Generation.make()
        self.previous: Generation | None = None
        """The generation before a restart, valid until the client nominates with the new one (RFC 8445 section
        9)."""
        self.selected: Route | None = None
        self.routes: dict[Route, _Pair[Owner]] = {}
        """Bound routes, ordered by their last valid check."""
        self.candidates: dict[Route, _Pair[Owner]] = {}
        """Routes with valid checks but no response yet."""
        self.last_check: float | None = None
        """When the last valid check arrived on a bound route."""
        self.nominated_s = 0.0
        self._checks = TokenBucket(CHECKS_PER_S, CHECK_BURST, 0.0)
        self._repeated_checks = TokenBucket(CHECKS_PER_S, CHECK_BURST, 0.0)
        """Budget of repeated transactions: an attacker may replay recorded checks."""
        self.challenges = TokenBucket(_CHALLENGES_PER_S, _CHALLENGE_BURST, 0.0)
        self._on_selected = on_selected
        self._transactions: dict[bytes, Route] = {}

    @property
    def credentials(self) -> Credentials:
        """Our credentials, for the answer."""
        return self.generation.local

    @property
    def consent_s(self) -> float | None:
        """When the client last consented to receive on the selected route, by a check and a response (RFC
        7675)."""
        pair = self.routes.get(self.selected) if self.selected is not None else None
        if pair is None or pair.proved_s is None or self.last_check is None:
            return None
        return min(self.last_check, pair.proved_s)

    def budget(self, transaction: bytes) -> TokenBucket:
        """Return the budget to which a valid check with this transaction is charged."""
        return self._repeated_checks if transaction in self._transactions else self._checks

    def is_replay(self, transaction: bytes, route: Route) -> bool:
        """Return whether this transaction arrived from another route before: a recorded check that is
        replayed."""
        seen = self._transactions.setdefault(transaction, route)
        if len(self._transactions) > _MAX_TRANSACTIONS:
            del self._transactions[next(iter(self._transactions))]
        return seen != route

    def select(self, route: Route | None) -> None:
        if route != self.selected:
            self.selected = route
            self._on_selected()


class Agents(Generic[Owner]):
    """The agents of a port. `owners` maps bound routes to the agents' owners; the port reads it per packet."""

    def __init__(self) -> None:
        self.owners: dict[Route, Owner] = {}
        self.dropped: Counter[str] = Counter()
        self._by_ufrag: dict[str, Agent[Owner]] = {}
        self._by_route: dict[Route, Agent[Owner]] = {}
        self._validator: PathValidator[Agent[Owner]] = PathValidator()

    def open(self, owner: Owner, on_selected: Callable[[], None]) -> Agent[Owner]:
        agent = Agent(owner, on_selected)
        self._by_ufrag[agent.credentials.ufrag] = agent
        return agent

    def connect(self, agent: Agent[Owner], remote: Credentials) -> None:
        """Set the client's credentials from its offer. Until then, none of its routes can be bound."""
        agent.generation.remote = remote

    def restart(self, agent: Agent[Owner], remote: Credentials) -> None:
        """Set new credentials of both ends. The old ones stay valid until the client uses the new (RFC 8445
        section 9)."""
        self._retire(agent)
        agent.previous, agent.generation = agent.generation, Generation.make(remote)
        self._by_ufrag[agent.credentials.ufrag] = agent

    def close(self, agent: Agent[Owner]) -> None:
        self._retire(agent)
        self._by_ufrag.pop(agent.credentials.ufrag, None)
        for route in list(agent.candidates):
            self._forget_candidate(agent, route)
        for route in list(agent.routes):
            self._unbind(agent, route)

    def receive(self, data: bytes, route: Route, now: float) -> list[bytes]:
        """Process a datagram that looks like STUN; return the datagrams to send back on `route`, in order."""
        try:
            if stun.is_response(data):
                self._take_response(stun.parse_response(data), route, now)
                return []
            request = stun.parse_request(data)
        except stun.Malformed:
            self.dropped["stun_malformed"] += 1
            return []
        agent = self._by_ufrag.get(request.local_ufrag)
        if agent is None:
            self.dropped["stun_unknown_ufrag"] += 1
            return []
        budget = agent.budget(request.transaction)
        if budget.level(now) < 1:
            self.dropped["stun_flood"] += 1
            return []
        generation = agent.generation
        if agent.previous and agent.previous.local.ufrag == request.local_ufrag:
            generation = agent.previous
        password = generation.local.password.encode()
        if not request.has_integrity(password):
            self.dropped["stun_integrity"] += 1
            return []
        budget.charge(1, now)  # only valid checks, so that others cannot use up the client's budget
        # On a bound route, a copy that arrived from elsewhere first must not suppress the original.
        if agent.is_replay(request.transaction, route) and route not in agent.routes:
            self.dropped["stun_replay"] += 1
            return []
        if request.unknown:
            return [stun.error(request.transaction, 420, password, request.unknown)]
        if request.controlled:  # we always stay in the controlled role (RFC 8445 section 7.3.1.1)
            return [stun.error(request.transaction, 487, password)]
        success = stun.success(request.transaction, route.remote, password)
        nominating = request.use_candidate and generation is agent.generation
        challenge = self._accept(agent, _Check(generation, nominating, route, len(data), now))
        # Our request is sent first, so that its response arrives before the DTLS handshake that follows the
        # success.
        return [challenge, success] if challenge else [success]

    def due(self, now: float) -> list[tuple[bytes, Route]]:
        """Return the requests to send again. Must be called at least a few times per second."""
        return [(one.request, one.route) for one in self._validator.due(now)]

    def _accept(self, agent: Agent[Owner], check: _Check) -> bytes | None:
        """Record a valid check; return our request to send, if any."""
        route, now = check.route, check.now
        pair = agent.routes.get(route)
        if pair is not None and pair.proved_s is not None and now - pair.proved_s > CONSENT_S:
            self._unbind(agent, route)  # the address may belong to another host by now
            pair = None
        if pair is None:
            pair = self._candidate(agent, check)
        else:
            pair.checked_s = agent.last_check = now
            agent.routes[route] = agent.routes.pop(route)
            self._select(agent, route, now if check.nominating else None, now)
        return self._challenge(agent, pair, check)

    def _candidate(self, agent: Agent[Owner], check: _Check) -> _Pair[Owner]:
        pair = agent.candidates.get(check.route)
        if pair is None:
            pair = agent.candidates[check.route] = _Pair(check.now)
            if len(agent.candidates) > _MAX_CANDIDATES:
                self._forget_candidate(agent, next(iter(agent.candidates)))
        pair.checked_s = check.now
        if check.nominating:
            pair.nominated_s, pair.nominated_by = check.now, check.generation
        return pair

    def _challenge(self, agent: Agent[Owner], pair: _Pair[Owner], check: _Check) -> bytes | None:
        """Return a validation request if one is due and within the budgets of the client and the worker."""
        last, now, generation = pair.challenge, check.now, check.generation
        if last is not None and (not last.over or now < last.due_s + RETRY_S):
            return None  # pending, or unanswered
        if generation.remote is None or (pair.proved_s is not None and now - pair.proved_s < REVALIDATE_S):
            return None
        reserve = 0.0 if check.nominating else _NOMINATION_RESERVE
        if agent.challenges.level(now) - 1 < reserve:
            self.dropped["stun_challenge_limit"] += 1
            return None
        agent.challenges.charge(1, now)
        pair.challenge = self._validator.start(
            agent, check.route, generation.local.ufrag, generation.remote, check.size, now
        )
        if pair.challenge is None:
            self.dropped["stun_challenge_limit"] += 1
            return None
        return pair.challenge.request

    def _take_response(self, response: stun.Response, route: Route, now: float) -> None:
        challenge = self._validator.answered(response, route)
        if challenge is None:
            self.dropped["stun_response"] += 1
            return
        agent = challenge.subject
        pair = agent.candidates.pop(route, None)
        if pair is None:
            pair = agent.routes[route]
        pair.challenge, pair.proved_s = None, now
        if route not in agent.routes:
            self._bind(agent, route, pair)
        nominated = pair.nominated_by is agent.generation
        self._select(agent, route, pair.nominated_s if nominated else None, now)
        pair.nominated_by = None

    def _select(self, agent: Agent[Owner], route: Route, nominated_s: float | None, now: float) -> None:
        """Select this bound route if it is nominated or the selected route is unusable."""
        if nominated_s is not None:
            if nominated_s >= agent.nominated_s:  # responses may arrive in another order than nominations
                agent.nominated_s = nominated_s
                agent.select(route)
            self._retire(agent)
        elif agent.selected is None:
            agent.select(route)
        else:
            selected = agent.routes[agent.selected]
            if now - selected.checked_s > SILENT_S or now - (selected.proved_s or 0.0) > CONSENT_S:
                agent.select(route)  # a NAT gave the client another address, for which it does not nominate again

    def _bind(self, agent: Agent[Owner], route: Route, pair: _Pair[Owner]) -> None:
        holder = self._by_route.get(route)
        if holder is not None:  # its client no longer uses it: NATs reassign ports
            self._unbind(holder, route)
        self._by_route[route] = agent
        self.owners[route] = agent.owner
        agent.routes[route] = pair
        agent.last_check = max(pair.checked_s, agent.last_check or 0.0)
        if len(agent.routes) > _MAX_ROUTES:
            self._unbind(agent, next(old for old in agent.routes if old != agent.selected))

    def _unbind(self, agent: Agent[Owner], route: Route) -> None:
        self._cancel(agent.routes.pop(route))
        del self._by_route[route], self.owners[route]
        if agent.selected == route:
            agent.select(None)

    def _forget_candidate(self, agent: Agent[Owner], route: Route) -> None:
        self._cancel(agent.candidates.pop(route))

    def _cancel(self, pair: _Pair[Owner]) -> None:
        if pair.challenge is not None:
            self._validator.cancel(pair.challenge)

    def _retire(self, agent: Agent[Owner]) -> None:
        if agent.previous:
            self._by_ufrag.pop(agent.previous.local.ufrag, None)
            agent.previous = None
