"""SRTP in place on our own buffers, and all uses of private names of aiortc and pylibsrtp.

`self_test` runs at the start of each worker: a release that changed these names stops the start with a clear
message.
"""

import importlib.metadata
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiortc import RTCCertificate, RTCDtlsTransport, rtcdtlstransport
from OpenSSL import SSL
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

from mediaserver.base.errors import StartError

TESTED: Final = {"aiortc": "1.16", "pylibsrtp": "1.0"}
"""Releases whose private names were verified."""

MAX_TAG: Final = 16
SRTCP_INDEX: Final = 4

# The plain C calls: (session, pointer to the packet, pointer to its length) -> 0 when all is well. In place, they
# cost 0.7 us where Session.protect with its copies costs 2.7.
protect: Callable[[Any, Any, Any], int] = lib.srtp_protect
unprotect: Callable[[Any, Any, Any], int] = lib.srtp_unprotect
protect_rtcp: Callable[[Any, Any, Any], int] = lib.srtp_protect_rtcp
unprotect_rtcp: Callable[[Any, Any, Any], int] = lib.srtp_unprotect_rtcp

# The DTLS server chooses (RFC 5764 section 4.1.2): GCM is the fastest with AES instructions, CM-80 is everywhere.
_PROFILES: Final = [rtcdtlstransport.SRTP_AEAD_AES_128_GCM, rtcdtlstransport.SRTP_AES128_CM_SHA1_80]
TAGS: Final = (16, 10)


class Memory:
    """C memory that libsrtp writes and sockets read. `view` and `pointer(offset)` refer to the same bytes."""

    def __init__(self, size: int) -> None:
        self.raw = ffi.new("char[]", size)
        self.view = memoryview(ffi.buffer(self.raw))
        self._pointers: dict[int, Any] = {}

    def pointer(self, offset: int) -> Any:
        pointer = self._pointers.get(offset)
        if pointer is None:
            pointer = self._pointers[offset] = self.raw + offset
        return pointer


def length_cell() -> Any:
    """Return an `int *` that passes the packet's length and returns its new length."""
    return ffi.new("int *")


@dataclass(slots=True)
class Keys:
    """The SRTP state of a connected transport. RTP and RTCP share one session per direction: two sessions with
    one key would reuse SRTCP indices, and so GCM nonces (RFC 7714 section 9.1)."""

    rx: Any
    tx: Any
    tag: int
    sessions: tuple[Session, Session]
    """Own the C memory behind `rx` and `tx`."""


def make_keys(profile: int, rx_key: bytes, tx_key: bytes) -> Keys:
    """Return new sessions that never encrypt a packet number twice: with other bytes, that would reuse a GCM
    nonce and reveal the authentication key (RFC 7714 section 8.4)."""
    sessions = []
    for key, direction in ((rx_key, Policy.SSRC_ANY_INBOUND), (tx_key, Policy.SSRC_ANY_OUTBOUND)):
        policy = Policy(key=key, ssrc_type=direction, srtp_profile=profile)
        policy.allow_repeat_tx = False
        policy.window_size = 1024
        sessions.append(Session(policy))
    tag = 16 if profile == Policy.SRTP_PROFILE_AEAD_AES_128_GCM else 10
    return Keys(sessions[0]._srtp[0], sessions[1]._srtp[0], tag, (sessions[0], sessions[1]))


def dtls_context(certificate: RTCCertificate) -> SSL.Context:
    """Return the context of all DTLS associations: passive end (`a=setup:passive`), our order of SRTP
    profiles."""
    context: SSL.Context = certificate._create_ssl_context(_PROFILES)
    # It is shared, so sessions of former associations would accumulate; WebRTC clients never resume sessions.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_QUERY_MTU)
    return context


def take_keys(dtls: RTCDtlsTransport) -> Keys:
    """Return SRTP sessions with the keys of aiortc's connected DTLS transport. They replace its own sessions,
    which allow packet numbers to be repeated; from now on it receives only DTLS records."""
    dtls._rx_srtp = dtls._tx_srtp = None
    keys = export_keys(dtls._ssl, server=dtls._role == "server")
    assert keys is not None, "aiortc connects with a profile only"
    return keys


def export_keys(ssl: SSL.Connection, *, server: bool) -> Keys | None:
    """Return SRTP sessions with the keys of an association (RFC 5764 section 4.2); None without a common
    profile."""
    selected = ssl.get_selected_srtp_profile()
    profile = next((one for one in _PROFILES if one.openssl_profile == selected), None)
    if profile is None:
        return None
    length = 2 * (profile.key_length + profile.salt_length)
    material = ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", length)
    client, own = profile.get_key_and_salt(material, 0), profile.get_key_and_salt(material, 1)
    rx_key, tx_key = (client, own) if server else (own, client)
    return make_keys(profile.libsrtp_profile, rx_key, tx_key)


def self_test() -> None:
    """Check the installed libraries. Raises: StartError for unknown releases or unexpected behavior."""
    for name, tested in TESTED.items():
        version = importlib.metadata.version(name)
        if not version.startswith(tested + "."):
            raise StartError(f"{name} {version} is installed, but only {tested}.x is known to work")
    try:
        _test_names()
        for profile in _PROFILES:
            _test_round_trip(profile.libsrtp_profile, profile.key_length + profile.salt_length)
    except (AttributeError, AssertionError, TypeError) as error:
        raise StartError(f"aiortc or pylibsrtp does not work as expected: {error!r}") from error


def _test_names() -> None:
    assert isinstance(dtls_context(RTCCertificate.generateCertificate()), SSL.Context), "_create_ssl_context"
    assert all(len(one.get_key_and_salt(bytes(60), 1)) == one.key_length + one.salt_length for one in _PROFILES)


def _test_round_trip(profile: int, key_length: int) -> None:
    rx_key, tx_key = os.urandom(key_length), os.urandom(key_length)
    here, there = make_keys(profile, rx_key, tx_key), make_keys(profile, tx_key, rx_key)
    memory, length = Memory(2048), length_cell()
    for plain, lock, unlock, growth in (
        (b"\x80\x60\x00\x01" + bytes(8) + b"payload", protect, unprotect, here.tag),
        (b"\x80\xc9\x00\x01" + bytes(4), protect_rtcp, unprotect_rtcp, here.tag + SRTCP_INDEX),
    ):
        memory.view[: len(plain)] = plain
        length[0] = len(plain)
        assert lock(here.tx, memory.pointer(0), length) == 0, "protect"
        assert length[0] == len(plain) + growth, "tag length"
        protected = bytes(memory.view[: length[0]])
        assert unlock(there.rx, memory.pointer(0), length) == 0, "unprotect"
        assert bytes(memory.view[: length[0]]) == plain, "round trip"
        memory.view[: len(protected)] = protected
        length[0] = len(protected)
        assert unlock(there.rx, memory.pointer(0), length) != 0, "replay protection"
    memory.view[:12] = b"\x80\x60\x00\x01" + bytes(8)
    length[0] = 12
    assert protect(here.tx, memory.pointer(0), length) != 0, "a number twice"
