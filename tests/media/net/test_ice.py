"""Who may talk to us from which address: literal times, no sockets."""

from typing import Any

from aioice import stun as reference

from mediaserver.media.net.ice import Agent, Agents
from mediaserver.media.net.route import Route
from mediaserver.media.net.stun import Credentials

HERE = "10.0.0.1"
HOME, CAFE, EVIL = (
    Route(HERE, remote) for remote in (("192.0.2.1", 1000), ("198.51.100.2", 2000), ("203.0.113.3", 3000))
)


class Client:
    """The other end of an agent: signs checks with the credentials of the answer, and answers our requests."""

    def __init__(self, agents: "Agents[str]", name: str) -> None:
        self.agents, self.moves = agents, 0
        self.agent: Agent[str] = agents.open(name, self._moved)
        self.own = Credentials(f"{name[:4]:x<4}", f"the password of {name} itself")
        agents.connect(self.agent, self.own)
        self._count = 0
        self.learn()

    def learn(self) -> None:
        """Take our credentials from an answer."""
        self.ufrag, self.password = self.agent.credentials

    def restart(self) -> None:
        """Offer new credentials, and take ours from the answer."""
        self.own = Credentials("newf", "another password of the same client")
        self.agents.restart(self.agent, self.own)
        self.learn()

    def request(self, nominate: bool = False, password: str | None = None, **attributes: Any) -> bytes:
        self._count += 1
        transaction = f"{self.agent.owner[:4]:<4}{self._count:08}".encode()
        message = reference.Message(reference.Method.BINDING, reference.Class.REQUEST, transaction)
        message.attributes["USERNAME"] = f"{self.ufrag}:{self.own.ufrag}"
        message.attributes["PRIORITY"] = 1
        if "ICE_CONTROLLED" not in attributes:
            message.attributes["ICE-CONTROLLING"] = 7
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        message.attributes.update({name.replace("_", "-"): value for name, value in attributes.items()})
        message.add_message_integrity((password or self.password).encode())
        return bytes(message)

    def send(self, route: Route, now: float = 1.0, nominate: bool = False) -> list[bytes]:
        """Send a check; returns what comes back, without answering it."""
        return self.agents.receive(self.request(nominate), route, now)

    def check(self, route: Route, now: float = 1.0, nominate: bool = False) -> bytes | None:
        """Send a check and answer the server's request; returns the check's answer."""
        *requests, success = self.send(route, now, nominate) or [None]
        for request in requests:
            assert request is not None
            self.answer(request, route, now)
        return success

    def answer(self, request: bytes, route: Route, now: float, password: str | None = None) -> None:
        self.agents.receive(self.response(request, password), route, now)

    def response(self, request: bytes, password: str | None = None) -> bytes:
        message = reference.parse_message(request)
        assert message.attributes["USERNAME"] == f"{self.own.ufrag}:{self.ufrag}"
        assert message.check_message_integrity(self.own.password.encode())
        answer = reference.Message(reference.Method.BINDING, reference.Class.RESPONSE, message.transaction_id)
        answer.attributes["XOR-MAPPED-ADDRESS"] = (HERE, 10000)
        answer.add_message_integrity((password or self.own.password).encode())
        return bytes(answer)

    def _moved(self) -> None:
        self.moves += 1


def error_code(answers: list[bytes]) -> int | None:
    (answer,) = answers
    return reference.parse_message(answer).error_code


def test_the_first_answered_check_binds_and_selects() -> None:
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
    assert agents.receive(anna.request(password="guess"), EVIL, 1.0) == []
    assert agents.receive(b"\x00\x01garbage", EVIL, 1.0) == []
    anna.ufrag = "nobodys"
    assert anna.check(EVIL) is None
    assert agents.owners == {}
    assert dict(agents.dropped) == {"stun_integrity": 1, "stun_malformed": 1, "stun_unknown_ufrag": 1}


def test_a_recorded_check_sent_again_from_elsewhere_moves_nobody() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    recorded = anna.request(nominate=True)
    request, success = agents.receive(recorded, HOME, 1.0)
    anna.answer(request, HOME, 1.1)
    assert agents.receive(recorded, HOME, 1.5) == [success], "a retransmission comes from the same address"
    assert agents.receive(recorded, EVIL, 2.0) == []
    assert (anna.agent.selected, agents.owners) == (HOME, {HOME: "anna"})


def test_an_address_moves_to_the_transport_whose_client_answers_there() -> None:
    """A NAT may hand a port on at once, so the former client's recent consent does not matter."""
    agents: Agents[str] = Agents()
    anna, ben = Client(agents, "anna"), Client(agents, "ben")
    anna.check(HOME)
    ben.check(HOME)
    assert agents.owners == {HOME: "ben"}
    assert anna.agent.selected is None and ben.agent.selected == HOME
    agents.close(anna.agent)
    assert agents.owners == {HOME: "ben"}


def test_an_address_stays_with_the_client_that_is_there() -> None:
    """Ben forges checks from Anna's address; her browser answers nothing that is not signed with her password."""
    agents: Agents[str] = Agents()
    anna, ben = Client(agents, "anna"), Client(agents, "ben")
    anna.check(HOME)
    requests = 0
    for number in range(40):
        for request in ben.send(HOME, 1.0 + number, nominate=True)[:-1]:
            ben.answer(request, CAFE, 1.0 + number)  # even if he had seen it, he is elsewhere
            requests += 1
        agents.due(1.0 + number)
    assert requests >= 5
    assert agents.owners == {HOME: "anna"}
    assert anna.agent.selected == HOME and ben.agent.selected is None


def test_a_check_from_a_forged_address_moves_nothing() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.check(HOME, now=1.0, nominate=True)
    request, success = anna.send(EVIL, 2.0, nominate=True)
    assert reference.parse_message(success).message_class == reference.Class.RESPONSE
    forged = [
        anna.response(request, password="a guess of her password"),
        anna.response(anna.send(CAFE, 2.0)[0]),  # of another address
    ]
    for response in forged:
        agents.receive(response, EVIL, 2.1)
    agents.receive(anna.response(request), CAFE, 2.1)  # from another address than the one that was asked
    assert (anna.agent.selected, agents.owners) == (HOME, {HOME: "anna"})
    assert anna.agent.last_check == 1.0, "no consent comes of it"
    assert agents.dropped["stun_response"] == 3
    anna.answer(request, EVIL, 2.2)  # she is there after all
    assert anna.agent.selected == EVIL


def test_an_error_response_proves_nothing() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    message = reference.parse_message(anna.send(HOME)[0])
    refusal = reference.Message(reference.Method.BINDING, reference.Class.ERROR, message.transaction_id)
    refusal.attributes["ERROR-CODE"] = (487, "Role Conflict")
    refusal.add_message_integrity(anna.own.password.encode())
    agents.receive(bytes(refusal), HOME, 1.1)
    assert agents.owners == {}


def test_our_request_is_what_ice_asks_for_and_smaller_than_the_check() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    check = anna.request()
    request, success = agents.receive(check, HOME, 1.0)
    message = reference.parse_message(request)
    assert set(message.attributes) == {
        "USERNAME", "PRIORITY", "ICE-CONTROLLED", "MESSAGE-INTEGRITY", "FINGERPRINT",
    }  # fmt: skip
    assert max(len(request), len(success)) <= len(check)
    other = agents.receive(anna.request(), CAFE, 1.0)[0]
    assert reference.parse_message(other).transaction_id != message.transaction_id


def test_a_check_too_short_for_our_request_gets_none() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.own = Credentials("f" * 200, anna.own.password)
    agents.connect(anna.agent, anna.own)
    anna.own = Credentials("f" * 4, anna.own.password)
    assert len(anna.send(HOME)) == 1
    assert agents.dropped["stun_challenge_limit"] == 1


def test_an_address_gets_three_requests_and_then_rest() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    first = anna.send(EVIL, 1.0)[0]
    sent = []
    for tick in range(500):  # ten seconds of ticks, with a check every half second
        now = 1.0 + tick * 0.02
        sent += [(round(now, 2), one) for one in agents.due(now)]
        if tick % 25 == 24:
            sent += [(round(now, 2), (one, EVIL)) for one in anna.send(EVIL, now)[:-1]]
    assert [now for now, _ in sent] == [1.5, 2.5, 6.98, 7.48, 8.48]
    assert [one for _, one in sent[:2]] == [(first, EVIL), (first, EVIL)]
    assert sent[2][1][0] != first


def test_a_client_makes_us_ask_few_addresses() -> None:
    """A thousand forged addresses a second for ten seconds: 24 requests at once, then two a second."""
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.check(HOME, 0.5, nominate=True)
    received = sent = 0
    for number in range(10_000):
        now = 1.0 + number * 0.001
        check = anna.request()
        received += len(check)
        out = anna.agents.receive(check, Route(HERE, (f"203.0.113.{number % 250}", 1024 + number // 250)), now)
        sent += sum(map(len, out)) + sum(len(one) for one, _ in agents.due(now))
    assert received > sent, "less goes out than comes in"
    assert agents.dropped["stun_challenge_limit"] + agents.dropped["stun_flood"] >= 10_000 - 24 - 20
    assert len(anna.agent.candidates) <= 32
    assert anna.agent.selected == HOME and agents.owners == {HOME: "anna"}


def test_a_flood_of_checks_is_not_answered() -> None:
    """A client has two addresses and nominates them in turn, 2,000 times a second: each move costs a socket."""
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    for route in (HOME, CAFE):
        anna.check(route, 1.0, nominate=True)
    moves = anna.moves
    answered = sum(
        len(anna.send((HOME, CAFE)[number % 2], 1.0 + number / 2000, nominate=True)) for number in range(10_000)
    )
    assert answered <= 400 + 5 * 100 and anna.moves - moves <= 400 + 5 * 100
    assert agents.dropped["stun_flood"] >= 9000
    assert anna.check(HOME, 6.1), "it is answered again as soon as it stops"


def test_recorded_checks_do_not_use_up_the_clients_budget() -> None:
    """Somebody on the path sends a check again and again, under the client's own address."""
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    recorded = anna.request(nominate=True)
    for number in range(5000):
        agents.receive(recorded, HOME, 1.0 + number / 1000)
    assert agents.dropped["stun_flood"] >= 4000
    assert anna.check(HOME, 6.0, nominate=True)


def test_a_nominated_pair_need_not_wait_for_others() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.check(HOME, 1.0, nominate=True)
    for number in range(100):
        anna.send(Route(HERE, ("203.0.113.3", 4000 + number)), 1.1)
    anna.check(CAFE, 1.2, nominate=True)
    assert anna.agent.selected == CAFE


def test_a_copy_that_overtakes_the_original_suppresses_nothing() -> None:
    """Somebody on the path sends every check again from elsewhere, faster than the network."""
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.check(HOME, 1.0, nominate=True)
    for now in range(2, 62, 3):
        check = anna.request()
        agents.receive(check, EVIL, float(now))
        for request in agents.receive(check, HOME, now + 0.01)[:-1]:
            anna.answer(request, HOME, now + 0.02)
    assert anna.agent.selected == HOME
    assert anna.agent.last_check == 59.01 and (anna.agent.consent_s or 0) >= 47


def test_an_address_must_answer_again_and_again() -> None:
    """Checks can be forged from an address that one had once: without answers from there, sending ends."""
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.check(HOME, 1.0, nominate=True)
    assert len(anna.send(HOME, 10.0)) == 1, "it has just answered"
    asked = anna.send(HOME, 11.0)
    assert len(asked) == 2
    anna.answer(asked[0], HOME, 11.1)
    assert anna.agent.consent_s == 11.0, "of check and answer, the older counts"
    for now in range(12, 41):
        anna.send(HOME, float(now))
        agents.due(float(now))
    assert (anna.agent.consent_s, anna.agent.last_check) == (11.1, 40.0)
    request = anna.send(HOME, 43.0)[0]
    assert anna.agent.selected is None and agents.owners == {}
    anna.answer(request, HOME, 43.1)
    assert anna.agent.selected == HOME


def test_before_the_offer_is_known_no_route_is_bound() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.agent.generation.remote = None
    assert len(anna.send(HOME, 1.0)) == 1
    agents.connect(anna.agent, anna.own)
    anna.check(HOME, 1.1)
    assert agents.owners == {HOME: "anna"}


def test_the_later_nomination_wins_whatever_answer_comes_first() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    home = anna.send(HOME, 1.0, nominate=True)[0]
    cafe = anna.send(CAFE, 1.1, nominate=True)[0]
    anna.answer(cafe, CAFE, 1.2)
    anna.answer(home, HOME, 1.3)
    assert anna.agent.selected == CAFE
    assert set(agents.owners) == {HOME, CAFE}


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
    old = anna.ufrag, anna.password, anna.own
    anna.restart()
    new = anna.ufrag, anna.password, anna.own
    assert new[:2] != old[:2]
    anna.ufrag, anna.password, anna.own = old
    assert anna.check(EVIL, now=2.0) is not None
    assert set(agents.owners) == {HOME, EVIL}, "the old ones find routes, too"
    anna.ufrag, anna.password, anna.own = new
    anna.check(CAFE, now=3.0, nominate=True)
    assert anna.agent.selected == CAFE
    anna.ufrag, anna.password, anna.own = old
    assert anna.check(HOME, now=4.0, nominate=True) is None
    assert anna.agent.selected == CAFE


def test_a_peer_holds_a_bounded_number_of_routes() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.check(HOME)
    for number in range(50):
        anna.check(HOME, now=1.0 + number)
        anna.check(Route(HERE, ("192.0.2.1", 4000 + number)), now=1.0 + number)
    assert len(agents.owners) == 32
    assert HOME in agents.owners, "the selected route is never given up"


def test_closing_forgets_everything() -> None:
    agents: Agents[str] = Agents()
    anna = Client(agents, "anna")
    anna.check(HOME)
    response = anna.response(anna.send(CAFE)[0])
    anna.restart()
    agents.close(anna.agent)
    agents.receive(response, CAFE, 1.1)
    assert agents.owners == {} and agents.due(2.0) == []
    assert anna.check(HOME) is None
