import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mediaserver.base.errors import StartError
from mediaserver.base.secrets import Secrets, replace_file, write_once


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    made = Secrets.load(tmp_path / "data")
    assert len(made.jwt_key) == len(made.url_key) == 32
    assert made.jwt_key != made.url_key
    assert Secrets.load(tmp_path / "data") == made
    directory = tmp_path / "data" / "secrets"
    assert mode(directory) == 0o700
    assert {path.name: mode(path) for path in directory.iterdir()} == {"jwt.key": 0o600, "url.key": 0o600}


def test_secrets_do_not_show_in_logs(tmp_path: Path) -> None:
    secrets = Secrets.load(tmp_path)
    assert repr(secrets.jwt_key) not in repr(secrets)


def test_a_loose_umask_does_not_matter(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Secrets.load(tmp_path)
    finally:
        os.umask(before)
    assert mode(tmp_path / "secrets") == 0o700
    assert mode(tmp_path / "secrets" / "jwt.key") == 0o600


def test_open_permissions_are_repaired_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = Secrets.load(tmp_path)
    (tmp_path / "secrets" / "jwt.key").chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert Secrets.load(tmp_path) == made
    assert mode(tmp_path / "secrets" / "jwt.key") == 0o600
    assert "jwt.key had mode 0644" in caplog.text


def test_permissions_that_cannot_be_repaired_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Secrets.load(tmp_path)
    (tmp_path / "secrets" / "url.key").chmod(0o640)

    def refuse(self: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(StartError, match=r"others may read .*url\.key \(mode 0640\).*chmod 0600"):
        Secrets.load(tmp_path)


def test_a_key_of_the_wrong_length_stops_the_start_and_stays(tmp_path: Path) -> None:
    Secrets.load(tmp_path)
    path = tmp_path / "secrets" / "jwt.key"
    path.write_bytes(b"short")
    with pytest.raises(StartError, match=r"jwt\.key has 5 bytes instead of 32"):
        Secrets.load(tmp_path)
    assert path.read_bytes() == b"short"


def test_a_data_directory_that_is_a_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(StartError, match="cannot be used for secrets"):
        Secrets.load(tmp_path / "data")


def test_of_many_that_write_at_once_one_wins(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(lambda n: write_once(tmp_path / "key", b"%d" % n), range(32)))
    assert seen == {(tmp_path / "key").read_bytes()}
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_replacing_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    write_once(tmp_path / "key", b"old")
    replace_file(tmp_path / "key", b"new")
    assert (tmp_path / "key").read_bytes() == b"new"
    assert mode(tmp_path / "key") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
