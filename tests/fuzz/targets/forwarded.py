"""X-Forwarded-For as trusted proxies pass it on: what limits count is one address, whatever it says."""

import ipaddress

from mediaserver.base.net.networks import client_network
from mediaserver.base.net.proxies import TrustedProxies
from tests.fuzz.target import Target

PROXIES = TrustedProxies(["127.0.0.0/8", "::1", "10.0.0.0/8"])
LONGEST = len("2001:0db8:0000:0000:0000:0000:0000:0000/64")


def run(data: bytes) -> None:
    header = data.decode("utf-8", "surrogateescape")
    for peer in ("127.0.0.1", "::ffff:127.0.0.1", "::1"):
        key = client_network(PROXIES.client_address(peer, header))
        ipaddress.ip_network(key)
        assert len(key) <= LONGEST
    assert PROXIES.client_address("192.0.2.1", header) == "192.0.2.1", "a stranger is not believed"
    assert PROXIES.origin("192.0.2.1", "http", {"Host": "h", "X-Forwarded-Host": header}) == "http://h"


TARGET = Target(
    "forwarded",
    run,
    packages=("mediaserver.base.net.proxies", "mediaserver.base.net.networks", "ipaddress"),
    words=(b"127.0.0.1", b"10.1.2.3", b"::1", b"::ffff:", b"%eth0", b", ", b"2001:db8::1", b"198.51.100.7"),
)
