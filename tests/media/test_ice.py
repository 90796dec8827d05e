"""Who may talk to us from which address: literal times, no sockets."""

from typing import Any

from aioice import stun as reference

from mediaserver.media.ice import Agent, Agents, Route

HERE = "10.0.0.1"
HOME, CAFE, EVIL = (
    Route(HERE, remote) for remote in (("192.0.2.1", 1000), ("198.51.100.2", 2000), ("203.0.113.3", 3000))
)


class Client:
    """The other end of an agent: signs checks with the credentials it was told."""

    def __init__(self, agents: "Agents[str]", name: str) -> None:
        self.agents, self.moves = agents, 0
        self.agent: Agent[str] = agents.open(name, self._moved)
        self._count = 0
        self.learn()

    def learn(self) -> None:
        self.ufrag, self.password = self.agent.credentials.ufrag, self.agent.credentials.password

    def request(self, nominate: bool = False, password: str | None = None, **attributes: Any) -> bytes:
        self._count += 1
        transaction = f"{self.agent.owner[:4]:<4}{self._count:08}".encode()
        message = reference.Message(reference.Method.BINDING, reference.Class.REQUEST, transaction)
        message.attributes["USERNAME"] = f"{self.ufrag}:them"
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        message.attributes.update({name.replace("_", "-"): value for name, value in attributes.items()})
        message.add_message_integrity((password or self.password).encode())
        return bytes(message)

    def check(self, route: Route, now: float = 1.0, nominate: bool = False) -> bytes | None:
        return self.agents.receive(self.request(nominate), route, now)

    def _moved(self) -> None:
        self.moves += 1


def error_code(answer: bytes | None) -> int | None:
    assert answer is not None
    return reference.parse_message(answer).error_code


def test_the_first_valid_check_binds_and_selects() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    answer = anna.check(HOME, now=5.0)
    assert answer is not None and reference.parse_message(answer).check_message_integrity(anna.password.encode())
    assert agents.owners == {HOME: "anna"}
    assert (anna.agent.selected, anna.agent.last_check, anna.moves) == (HOME, 5.0, 1)


def test_nomination_moves_the_peer_and_a_plain_check_does_not() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.check(HOME)
    anna.check(CAFE)
    assert anna.agent.selected == HOME
    anna.check(CAFE, nominate=True)
    assert anna.agent.selected == CAFE
    assert set(agents.owners) == {HOME, CAFE}


def test_the_same_client_over_two_of_our_addresses_has_two_routes() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    there = Route("10.0.0.2", HOME.remote)
    anna.check(HOME)
    answer = anna.check(there, nominate=True)
    assert answer is not None
    assert reference.parse_message(answer).attributes["XOR-MAPPED-ADDRESS"] == HOME.remote
    assert anna.agent.selected == there
    assert set(agents.owners) == {HOME, there}


def test_a_client_behind_a_nat_that_forgot_it_is_followed_without_nomination() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.check(HOME, now=1.0, nominate=True)
    anna.check(CAFE, now=6.0)
    assert anna.agent.selected == HOME, "its old address may still be in use"
    anna.check(CAFE, now=11.0)
    assert anna.agent.selected == CAFE


def test_bad_checks_bind_nothing_and_get_no_answer() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    assert agents.receive(anna.request(password="guess"), EVIL, 1.0) is None
    assert agents.receive(b"\x00\x01garbage", EVIL, 1.0) is None
    anna.ufrag = "nobodys"
    assert anna.check(EVIL) is None
    assert agents.owners == {}
    assert dict(agents.dropped) == {"stun_integrity": 1, "stun_malformed": 1, "stun_unknown_ufrag": 1}


def test_a_recorded_check_sent_again_from_elsewhere_moves_nobody() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    recorded = anna.request(nominate=True)
    assert agents.receive(recorded, HOME, 1.0) is not None
    assert agents.receive(recorded, HOME, 1.5) is not None  # a retransmission comes from the same address
    assert agents.receive(recorded, EVIL, 2.0) is None
    assert (anna.agent.selected, agents.owners) == (HOME, {HOME: "anna"})


def test_a_newer_valid_check_takes_the_route_of_a_dead_peer() -> None:
    agents: Agents[str] = Agents()
    anna, ben = Client(agents, "anna"), Client(agents, "ben")
    anna.check(HOME)
    ben.check(HOME)
    assert agents.owners == {HOME: "ben"}
    assert anna.agent.selected is None and ben.agent.selected == HOME
    agents.close(anna.agent)
    assert agents.owners == {HOME: "ben"}


def test_role_conflicts_and_unknown_attributes_are_answered_with_errors() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    assert error_code(agents.receive(anna.request(ICE_CONTROLLED=1), HOME, 1.0)) == 487
    assert error_code(agents.receive(anna.request(NONCE=b"required, but not by ICE"), HOME, 1.0)) == 420
    assert agents.owners == {}


def test_after_a_restart_old_credentials_stay_good_until_the_new_ones_nominate() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.check(HOME, nominate=True)
    old = anna.ufrag, anna.password
    agents.restart(anna.agent)
    assert anna.check(HOME, now=2.0) is not None
    anna.learn()
    assert (anna.ufrag, anna.password) != old
    anna.check(CAFE, now=3.0, nominate=True)
    assert anna.agent.selected == CAFE
    anna.ufrag, anna.password = old
    assert anna.check(HOME, now=4.0, nominate=True) is None
    assert anna.agent.selected == CAFE


def test_a_peer_holds_a_bounded_number_of_routes() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.check(HOME)
    for port in range(4000, 4050):
        anna.check(Route(HERE, ("192.0.2.1", port)))
    assert len(agents.owners) == 16
    assert HOME in agents.owners, "the selected route is never given up"


def test_closing_forgets_everything() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.check(HOME)
    agents.restart(anna.agent)
    agents.close(anna.agent)
    assert agents.owners == {}
    assert anna.check(HOME) is None
