"""STUN as browsers speak it, checked against aioice; hostile bytes raise `Malformed` and nothing else."""

import contextlib
import struct
from zlib import crc32

import pytest
from aioice import stun as reference
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.net import stun
from mediaserver.media.net.stun import Malformed

PASSWORD = b"a password of 22 letters"


def request(username: str = "local:remote", password: bytes = PASSWORD, **attributes: object) -> bytes:
    """A binding request by aioice; underscores of attribute names stand for hyphens."""
    message = reference.Message(reference.Method.BINDING, reference.Class.REQUEST, b"transaction.")
    message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = 1
    for name, value in attributes.items():
        message.attributes[name.replace("_", "-")] = value
    message.add_message_integrity(password)
    return bytes(message)


def with_attribute(kind: int, value: bytes) -> bytes:
    """A signed request with one attribute that aioice does not know."""
    body = stun._encode(stun.USERNAME, b"local:remote") + stun._encode(kind, value)
    return stun._signed(stun.BINDING_REQUEST, b"transaction.", body, PASSWORD)


def test_a_browser_like_request_is_understood() -> None:
    parsed = stun.parse_request(request(USE_CANDIDATE=None, ICE_CONTROLLING=7))
    assert (parsed.local_ufrag, parsed.transaction) == ("local", b"transaction.")
    assert parsed.use_candidate and not parsed.controlled and not parsed.unknown
    assert parsed.has_integrity(PASSWORD)
    assert not parsed.has_integrity(b"another")


def test_a_claim_to_our_role_is_seen() -> None:
    assert stun.parse_request(request(ICE_CONTROLLED=7)).controlled


def test_unknown_attributes_that_must_be_understood_are_listed() -> None:
    assert stun.parse_request(with_attribute(0x0033, b"what")).unknown == (0x0033,)
    assert stun.parse_request(with_attribute(0xC057, b"fine")).unknown == ()


@pytest.mark.parametrize(
    "address", [("192.0.2.7", 40000), ("2001:db8::7", 5, 0, 0), ("::ffff:192.0.2.7", 9, 0, 0)]
)
def test_answers_are_understood_by_aioice(address: tuple[str, int]) -> None:
    answer = reference.parse_message(stun.success(b"transaction.", address, PASSWORD))
    assert answer.check_message_integrity(PASSWORD)
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == (address[0].removeprefix("::ffff:"), address[1])
    refusal = reference.parse_message(stun.error(b"transaction.", 487, PASSWORD))
    assert refusal.check_message_integrity(PASSWORD)
    assert refusal.attributes["ERROR-CODE"][0] == 487


def test_every_truncation_is_malformed() -> None:
    whole = request(USE_CANDIDATE=None)
    for end in range(len(whole)):
        with pytest.raises(Malformed):
            stun.parse_request(whole[:end])


def test_every_changed_byte_is_refused() -> None:
    whole = request()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0x01
        with contextlib.suppress(Malformed):
            assert not stun.parse_request(bytes(changed)).has_integrity(PASSWORD)


def _fingerprinted(body: bytes) -> bytes:
    """Arbitrary attributes behind a right header, before a right fingerprint: the deepest garbage gets."""
    body += bytes(-len(body) % 4)
    head = struct.pack("!HHI12s", 1, len(body) + 8, stun.COOKIE, b"transaction.") + body
    return head + b"\x80\x28\x00\x04" + struct.pack("!I", crc32(head) ^ 0x5354554E)


def _responding(body: bytes) -> bytes:
    """Arbitrary attributes behind the header of a response."""
    body += bytes(-len(body) % 4)
    return struct.pack("!HHI12s", stun.BINDING_RESPONSE, len(body), stun.COOKIE, b"transaction.") + body


@given(st.one_of(st.binary(max_size=1400), st.binary(max_size=400).map(_fingerprinted)))
def test_arbitrary_bytes_raise_nothing_but_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        stun.parse_request(data)


@given(st.one_of(st.binary(max_size=1400), st.binary(max_size=400).map(_responding)))
def test_arbitrary_responses_raise_nothing_but_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        stun.parse_response(data)


def response(success: bool = True, fingerprint: bool = True) -> bytes:
    """A binding response by aioice."""
    kind = reference.Class.RESPONSE if success else reference.Class.ERROR
    message = reference.Message(reference.Method.BINDING, kind, b"transaction.")
    if success:
        message.attributes["XOR-MAPPED-ADDRESS"] = ("192.0.2.7", 40000)
    else:
        message.attributes["ERROR-CODE"] = (401, "Unauthorized")
    message.add_message_integrity(PASSWORD)
    if not fingerprint:
        whole = bytes(message)
        return whole[:2] + struct.pack("!H", len(whole) - 28) + whole[4:-8]
    return bytes(message)


@pytest.mark.parametrize("success", [True, False])
@pytest.mark.parametrize("fingerprint", [True, False])
def test_responses_are_understood(success: bool, fingerprint: bool) -> None:
    data = response(success, fingerprint)
    parsed = stun.parse_response(data)
    assert stun.is_response(data) and not stun.is_response(request())
    assert (parsed.transaction, parsed.success) == (b"transaction.", success)
    assert parsed.has_integrity(PASSWORD) and not parsed.has_integrity(b"another")


def test_every_truncated_response_is_malformed() -> None:
    whole = response()
    for end in range(len(whole)):
        with pytest.raises(Malformed):
            stun.parse_response(whole[:end])


def test_every_byte_of_a_response_that_is_signed_counts() -> None:
    whole = response()
    for at in range(len(whole) - 8):
        changed = bytearray(whole)
        changed[at] ^= 0x01
        with contextlib.suppress(Malformed):
            parsed = stun.parse_response(bytes(changed))
            assert not parsed.has_integrity(PASSWORD)


def test_our_own_request_is_understood_by_aioice() -> None:
    data = stun.request(b"transaction.", "ours", stun.Credentials("theirs", PASSWORD.decode()))
    message = reference.parse_message(data)
    assert (message.message_method, message.message_class) == (reference.Method.BINDING, reference.Class.REQUEST)
    assert message.attributes["USERNAME"] == "theirs:ours"
    assert message.attributes["PRIORITY"] == 0x6EFFFFFF
    assert message.attributes["ICE-CONTROLLED"] == 0
    assert message.check_message_integrity(PASSWORD)
    assert stun.parse_request(data).local_ufrag == "theirs"
