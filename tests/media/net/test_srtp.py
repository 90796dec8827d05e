"""The one module with private names: its self-test, and the certificate file."""

import stat
from pathlib import Path

import pytest

from mediaserver.base.errors import StartError
from mediaserver.media.net import srtp
from mediaserver.media.net.certificate import ensure_certificate, load_certificate


def test_the_installed_libraries_pass() -> None:
    srtp.self_test()


def test_another_release_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(srtp.TESTED, "aiortc", "0.9")
    with pytest.raises(StartError, match=r"aiortc .* only 0\.9\.x is known to work"):
        srtp.self_test()


def test_a_moved_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srtp, "protect", lambda *_: 1)
    with pytest.raises(StartError, match="does not work as expected"):
        srtp.self_test()


def test_the_certificate_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "dtls.pem"
    ensure_certificate(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    made = path.read_bytes()
    ensure_certificate(path)
    assert path.read_bytes() == made
    assert load_certificate(path).getFingerprints()[0].algorithm == "sha-256"


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    path = tmp_path / "dtls.pem"
    path.write_text("nonsense")
    with pytest.raises(StartError, match=r"dtls\.pem is not a PEM file"):
        ensure_certificate(path)
