import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.base.errors import Forbidden
from mediaserver.base.signing import ANYONE, LinkHolder, UrlSigner

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SIGNER = UrlSigner(b"k" * 32)
ANNA = LinkHolder("anna", "phone", 3)


def parts(url: str) -> tuple[str, dict[str, str]]:
    split = urlsplit(url)
    return unquote(split.path).removeprefix("/files/"), dict(parse_qsl(split.query, keep_blank_values=True))


def test_a_url_says_who_may_have_what_until_when() -> None:
    url = SIGNER.url("uploads/1/a.png", ANNA, NOW, 3600, name="Ä & b.png")
    assert url.startswith("/files/uploads/1/a.png?person=anna&login=phone&epoch=3&expires=")
    signed = SIGNER.verify(*parts(url))
    assert (signed.key, signed.holder, signed.name) == ("uploads/1/a.png", ANNA, "Ä & b.png")
    assert timedelta(seconds=1800) <= datetime.fromtimestamp(signed.expires, UTC) - NOW <= timedelta(seconds=3600)


def test_a_public_url_stands_before_the_path() -> None:
    signer = UrlSigner(b"k" * 32, "https://media.example.org/")
    assert signer.url("a/b", ANNA, NOW, 60).startswith("https://media.example.org/files/a/b?")


def test_the_same_object_has_the_same_url_for_a_while() -> None:
    at = datetime(2026, 1, 2, 3, 0, 0, tzinfo=UTC)
    assert SIGNER.url("a/b", ANNA, at, 3600) == SIGNER.url("a/b", ANNA, at + timedelta(minutes=29), 3600)
    assert SIGNER.url("a/b", ANNA, at, 3600) != SIGNER.url("a/b", ANNA, at + timedelta(minutes=30), 3600)


@given(st.integers(0, 10**6), st.integers(2, 10**6))
def test_it_lives_at_least_half_its_time_and_never_longer(second: int, ttl_s: int) -> None:
    at = NOW + timedelta(seconds=second)
    left_s = int(parts(SIGNER.url("a/b", ANNA, at, ttl_s))[1]["expires"]) - int(at.timestamp())
    assert ttl_s / 2 <= left_s <= ttl_s


@given(st.integers(0, 10**6), st.integers(120, 10**5))
def test_a_smaller_step_takes_less_of_its_life(second: int, ttl_s: int) -> None:
    at = NOW + timedelta(seconds=second)
    left_s = int(parts(SIGNER.url("a/b", ANNA, at, ttl_s, step_s=60))[1]["expires"]) - int(at.timestamp())
    assert ttl_s - 60 < left_s <= ttl_s


def test_it_expires() -> None:
    signed = SIGNER.verify(*parts(SIGNER.url("a/b", ANNA, NOW, 60)))
    expiry = datetime.fromtimestamp(signed.expires, UTC)
    assert not signed.expired(expiry - timedelta(milliseconds=1))
    assert signed.expired(expiry)


def test_devices_and_epochs_have_links_of_their_own() -> None:
    holders = [ANNA, LinkHolder("anna", "laptop", 3), LinkHolder("anna", "phone", 4), ANYONE]
    assert len({SIGNER.url("a/b", holder, NOW, 60) for holder in holders}) == 4


def test_a_link_for_anyone_has_the_form_of_the_first_version() -> None:
    """Pictures of people that clients know from before an upgrade go on being shown."""
    key, query = parts(SIGNER.url("a/b", ANYONE, NOW, 60))
    assert set(query) == {"person", "expires", "signature"}
    text = json.dumps([1, key, "anyone", int(query["expires"]), None]).encode()
    digest = hmac.digest(b"k" * 32, text, "sha256")
    assert query["signature"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("person", "bert"),
        ("person", None),
        ("login", "laptop"),
        ("login", ""),
        ("login", None),
        ("epoch", "4"),
        ("epoch", "03"),
        ("epoch", "-3"),
        ("epoch", None),
        ("expires", "99999999999"),
        ("expires", "soon"),
        ("expires", "-1"),
        ("expires", "١٢٣"),
        ("expires", None),
        ("name", "other.html"),
        ("name", None),
        ("signature", ""),
        ("signature", "é"),
        ("signature", None),
    ],
)
def test_an_altered_part_is_refused(field: str, value: str | None) -> None:
    key, query = parts(SIGNER.url("a/b", ANNA, NOW, 3600, name="x.txt"))
    changed = {k: v for k, v in {**query, field: value}.items() if v is not None}
    with pytest.raises(Forbidden) as caught:
        SIGNER.verify(key, changed)
    assert caught.value.code == "bad_signature"


def test_a_leading_zero_in_the_expiry_is_an_alteration() -> None:
    key, query = parts(SIGNER.url("a/b", ANNA, NOW, 3600))
    with pytest.raises(Forbidden, match="changed"):
        SIGNER.verify(key, {**query, "expires": "0" + query["expires"]})


def test_another_object_and_another_servers_key_are_refused() -> None:
    key, query = parts(SIGNER.url("a/b", ANNA, NOW, 3600))
    with pytest.raises(Forbidden):
        SIGNER.verify("a/c", query)
    with pytest.raises(Forbidden):
        UrlSigner(b"x" * 32).verify(key, query)


@given(st.dictionaries(st.sampled_from(["person", "login", "epoch", "expires", "name", "signature"]), st.text()))
def test_no_made_up_query_passes(query: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        SIGNER.verify("a/b", query)
