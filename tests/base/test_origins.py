"""Which pages may use the server."""

import pytest

from mediaserver.base.origins import Origins
from mediaserver.base.settings.tree import Http

STRANGER = "198.51.100.7"


def allows(http: Http, origin: str | None, peer: str = STRANGER, scheme: str = "http", **headers: str) -> bool:
    named = {name.replace("_", "-"): value for name, value in {"Host": "media.test:8080", **headers}.items()}
    return Origins(http).allows(origin, peer, scheme, named)


@pytest.mark.parametrize("origin", ["http://media.test:8080", "HTTP://MEDIA.test:8080"])
def test_its_own_pages(origin: str) -> None:
    assert allows(Http(), origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://media.test:8080", "http://media.test", "http://media.test.evil.example:8080", "http://evil.example",
        "null", "", None, "media.test:8080", "http://[", "http://media.test:port",
    ],
)  # fmt: skip
def test_no_others(origin: str | None) -> None:
    assert not allows(Http(allowed_origins=("https://school.example",)), origin)


def test_the_listed_ones_and_the_public_url() -> None:
    http = Http(allowed_origins=("https://school.example/",), public_url="https://media.example.org/live")
    assert allows(http, "https://school.example") and allows(http, "https://school.example:443")
    assert allows(http, "https://media.example.org")
    assert not allows(http, "http://media.example.org")
    assert allows(Http(allowed_origins=("*",)), "https://anywhere.example")


def test_the_default_port_may_be_written_or_not() -> None:
    assert allows(Http(), "https://media.test", scheme="https", Host="media.test:443")
    assert allows(Http(), "https://media.test:443", scheme="https", Host="media.test")


def test_behind_a_proxy_the_name_that_people_use() -> None:
    http = Http(trusted_proxies=("10.0.0.0/8",))
    told = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "media.example.org"}
    assert allows(http, "https://media.example.org", peer="10.0.0.1", **told)
    assert not allows(http, "http://media.test:8080", peer="10.0.0.1", **told)
    assert not allows(http, "https://media.example.org", peer=STRANGER, **told)
