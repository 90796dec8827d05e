"""Handshakes with a real DTLS client whose datagrams the test loses, repeats, reorders and splits."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiortc import RTCCertificate
from OpenSSL import SSL

from mediaserver.media.core.packets.dtls_records import packed, records
from mediaserver.media.messages import Fingerprint
from mediaserver.media.net import dtls as module
from mediaserver.media.net import srtp
from mediaserver.media.net.dtls import Dtls, DtlsServer
from tests.fuzz.corpus import SEEDS
from tests.fuzz.targets.dtls import datagrams
from tests.media.peers import until

Arrange = Callable[[list[bytes]], list[bytes]]
"""What the network does to the datagrams of one flight."""

_CLIENT = RTCCertificate.generateCertificate()
_SERVER = RTCCertificate.generateCertificate()


def fingerprints(certificate: RTCCertificate = _CLIENT) -> list[Fingerprint]:
    return [Fingerprint(algorithm=one.algorithm, value=one.value) for one in certificate.getFingerprints()]


class Client:
    """An OpenSSL client at one address; `large` makes its ClientHello as long as post-quantum key shares do."""

    def __init__(
        self, server: DtlsServer, arrange: Arrange = list, *, mtu: int = 300, large: bool = True,
        address: str = "192.0.2.1",
    ) -> None:  # fmt: skip
        context = srtp.dtls_context(_CLIENT)
        self.ssl = SSL.Connection(context)
        self.ssl.set_ciphertext_mtu(mtu)
        if large:
            self.ssl.set_alpn_protos([bytes([65 + number]) * 100 for number in range(18)])
        self.ssl.set_connect_state()
        self.mtu, self.arrange, self.address = mtu, arrange, address
        self.keys: list[srtp.Keys] = []
        self.ends: list[str] = []
        self.sent: list[bytes] = []
        self.connected = False
        self.lost: Callable[[int], bool] = lambda number: False
        """Whether the server's first, second, … datagram is lost."""
        self.received = 0
        self.dtls = Dtls(server, self._received, self.keys.append, self.ends.append)

    def begin(self, told: list[Fingerprint] | None = None) -> None:
        self.dtls.start(told or fingerprints())
        self.go_on()

    def go_on(self) -> None:
        """Do what can be done, and send what there is to send."""
        try:
            self.ssl.do_handshake()
            self.connected = True
        except SSL.WantReadError:
            pass
        try:
            flight = self.ssl.bio_read(1 << 15)
        except SSL.WantReadError:
            return
        datagrams = packed(flight, self.mtu)
        self.sent += datagrams
        self.send(self.arrange(datagrams))

    def send(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            assert self.dtls.receive(datagram, self.address)

    def retransmit(self) -> None:
        """What its timer does a second later."""
        self.send(self.arrange(self.sent))

    def _received(self, datagram: bytes) -> None:
        assert len(datagram) <= 1200
        self.received += 1
        if self.lost(self.received):
            return
        self.ssl.bio_write(datagram)
        asyncio.get_running_loop().call_soon(self.go_on)


@pytest.fixture
async def server() -> AsyncIterator[DtlsServer]:
    server = DtlsServer(_SERVER, asyncio.get_running_loop())
    yield server
    server.close()


def shuffled(seed: int) -> Arrange:
    def arrange(datagrams: list[bytes]) -> list[bytes]:
        twice = datagrams * 2
        random.Random(seed).shuffle(twice)
        return twice

    return arrange


@pytest.mark.parametrize(
    "arrange",
    [list, lambda flight: flight[::-1], lambda flight: flight * 3, *map(shuffled, range(8))],
    ids=["in-order", "reversed", "repeated", *(f"shuffled-{number}" for number in range(8))],
)
async def test_a_large_client_hello_in_fragments_is_understood(server: DtlsServer, arrange: Arrange) -> None:
    client = Client(server, arrange)
    client.begin()
    hello = [record for datagram in client.sent for record in records(datagram)]
    assert len(hello) > 6, "it is in fragments"
    for _ in range(5):  # its last flight may come before its turn, so that its timer must help
        try:
            await until(lambda: client.keys and client.connected, 0.3)
            break
        except AssertionError:
            client.retransmit()
    assert client.keys and client.connected and not client.ends
    theirs = srtp.export_keys(client.ssl, server=False)
    assert theirs is not None
    packet = b"\x80\x60\x00\x01" + bytes(8) + b"payload"
    assert theirs.sessions[0].unprotect(client.keys[0].sessions[1].protect(packet)) == packet


@pytest.mark.parametrize("browser", ["chromium_156", "firefox_153"])
@pytest.mark.parametrize("turned", [False, True])
async def test_client_hellos_of_browsers_are_answered_in_any_order(
    server: DtlsServer, browser: str, turned: bool
) -> None:
    """As they were sent with an X25519MLKEM768 key share: two fragments in two datagrams."""
    sent = list(datagrams((SEEDS / "dtls" / f"{browser}.bin").read_bytes()))
    assert len(sent) == 2 and sum(map(len, sent)) > 1400
    answers: list[bytes] = []
    dtls = Dtls(server, answers.append, lambda keys: None, lambda reason: None)
    dtls.start(fingerprints())
    for datagram in sent[::-1] if turned else sent:
        assert dtls.receive(datagram, "192.0.2.1")
    await until(lambda: answers, 2)
    kinds = [record.body[0] for record in records(answers[0])]
    assert kinds == [2, 11, 12, 13, 14], "ServerHello to ServerHelloDone"
    dtls.close()


async def test_several_fragments_in_a_datagram_are_understood(server: DtlsServer) -> None:
    client = Client(server, lambda flight: packed(b"".join(flight), 1400))
    client.begin()
    await until(lambda: client.keys and client.connected)


async def test_a_lost_flight_is_sent_again(server: DtlsServer) -> None:
    client = Client(server, large=False)
    client.lost = lambda number: number == 1
    client.begin()
    await until(lambda: client.keys and client.connected)
    assert client.received == 3


async def test_the_last_flight_is_sent_again_when_the_client_asks(server: DtlsServer) -> None:
    client = Client(server, large=False)
    client.lost = lambda number: number == 2
    client.begin()
    await until(lambda: client.received == 2)
    assert client.keys and not client.connected

    def its_timer_runs_out() -> bool:
        if client.ssl.DTLSv1_get_timeout() == 0:
            client.ssl.DTLSv1_handle_timeout()
            client.go_on()
        return client.connected

    await until(its_timer_runs_out)


async def test_another_certificate_than_the_announced_one_is_refused(server: DtlsServer) -> None:
    client = Client(server)
    client.begin(fingerprints(RTCCertificate.generateCertificate()))
    await until(lambda: client.ends == ["dtls_failed"])
    assert not client.keys


async def test_what_is_no_handshake_ends_or_is_ignored(server: DtlsServer) -> None:
    client = Client(server)
    client.dtls.start(fingerprints())
    chance = random.Random(4)
    for number in range(300):
        body = chance.randbytes(chance.randrange(60))
        header = bytes([chance.choice((20, 21, 22, 23)), 0xFE, 0xFD, 0, chance.choice((0, 0, 0, 1)), 0, 0, 0, 0])
        client.dtls.receive(header + number.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body, "192.0.2.1")
        await asyncio.sleep(0)
    good = Client(server, address="192.0.2.2")
    good.begin()
    await until(lambda: good.keys and good.connected)


async def test_a_client_that_says_goodbye_is_heard(server: DtlsServer) -> None:
    client = Client(server, large=False)
    client.begin()
    await until(lambda: client.keys and client.connected)
    client.ssl.shutdown()
    client.send([client.ssl.bio_read(1500)])
    await until(lambda: client.ends == ["client_closed"])
    assert not client.dtls.receive(b"\x16", "192.0.2.1")


async def test_the_client_hears_our_goodbye(server: DtlsServer) -> None:
    client = Client(server, large=False)
    client.begin()
    await until(lambda: client.keys and client.connected)
    client.dtls.close()
    await asyncio.sleep(0)
    with pytest.raises(SSL.ZeroReturnError):
        client.ssl.recv(100)
    assert client.ends == []


class Clock:
    """The loop's time as the test has it."""

    def __init__(self) -> None:
        self.now = 100.0

    def time(self) -> float:
        return self.now

    def call_at(self, _when: float, call: Callable[[], None]) -> Any:
        return asyncio.get_running_loop().call_soon(call)

    def call_later(self, _delay_s: float, _call: Callable[[], None]) -> Any:
        return asyncio.get_running_loop().call_soon(lambda: None)


async def test_unfinished_handshakes_are_bounded_and_nobody_is_refused() -> None:
    clock: Any = Clock()
    server = DtlsServer(_SERVER, clock)
    stalled = [Client(server, large=False, address=f"198.51.100.{number % 8}") for number in range(400)]
    for one in stalled:
        one.lost = lambda number: True
        one.begin()
    await until(lambda: sum(one.received > 0 for one in stalled) == module.MAX_OPEN)
    good = Client(server, large=False, address="192.0.2.9")
    good.begin()
    for _ in range(20):
        await asyncio.sleep(0)
    opened = [one for one in stalled if one.dtls._ssl is not None]
    assert len(opened) == module.MAX_OPEN and good.received == 0
    clock.now += module.PRESSED_S - 1
    for one in (*stalled, good):
        one.dtls.check(clock.now)
    assert not any(one.ends for one in stalled)
    clock.now += 2
    for one in (*stalled, good):
        one.dtls.check(clock.now)
    await until(lambda: good.keys and good.connected)
    assert all(one.ends in ([], ["dtls_timeout"]) for one in stalled)
    assert not any(one.ends for one in stalled if one not in opened), "those that wait do not run out of time"
    for _ in range(3):
        clock.now += module.HANDSHAKE_S + 1
        for one in stalled:
            one.dtls.check(clock.now)
        await asyncio.sleep(0.1)
        for one in stalled:
            one.dtls.check(clock.now)
    await until(lambda: all(one.ends == ["dtls_timeout"] for one in stalled))
    server.close()


async def test_a_client_that_never_begins_runs_out_of_time(server: DtlsServer) -> None:
    client = Client(server)
    client.dtls.start(fingerprints())
    client.dtls.check(1000.0)
    client.dtls.check(1000.0 + module.HANDSHAKE_S)
    assert client.ends == []
    client.dtls.check(1000.1 + module.HANDSHAKE_S)
    assert client.ends == ["dtls_timeout"]
