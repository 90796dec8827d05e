"""What proxies say of a request."""

import pytest

from mediaserver.base.errors import StartError
from mediaserver.base.net.proxies import TrustedProxies


def test_only_trusted_proxies_are_believed() -> None:
    proxies = TrustedProxies(["10.0.0.0/8", "::1"])
    assert proxies.client_address("198.51.100.7", "203.0.113.1") == "198.51.100.7"
    assert proxies.client_address("10.1.1.1", "203.0.113.1, 10.2.2.2") == "203.0.113.1"
    assert proxies.client_address("10.1.1.1", "6.6.6.6, 203.0.113.1") == "203.0.113.1"
    assert proxies.client_address("::ffff:10.1.1.1", "203.0.113.1") == "203.0.113.1"
    assert proxies.client_address("10.1.1.1", "nonsense") == "10.1.1.1"
    assert proxies.client_address("10.1.1.1", "") == "10.1.1.1"
    assert proxies.client_address(None, "203.0.113.1") == "unknown"


def test_the_origin_that_the_browser_knows_is_told_by_trusted_proxies_only() -> None:
    proxies = TrustedProxies(["10.0.0.0/8"])
    told = {"Host": "inner:8080", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "made.up, media.example.org"}
    assert proxies.origin("10.1.1.1", "http", told) == "https://media.example.org"
    assert proxies.origin("198.51.100.7", "http", told) == "http://inner:8080"
    assert proxies.origin(None, "http", told) == "http://inner:8080"
    assert proxies.origin("10.1.1.1", "http", {"Host": "inner:8080"}) == "http://inner:8080"


def test_what_is_no_address_stops_the_start() -> None:
    with pytest.raises(StartError, match=r"http\.trusted_proxies: proxy\.example"):
        TrustedProxies(["proxy.example"])
