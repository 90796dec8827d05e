"""The data directory is for the server's user alone."""

import stat
from pathlib import Path

import pytest

from mediaserver.base.processes.data_directory_lock import lock_data


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_private(tmp_path: Path) -> None:
    lock_data(tmp_path / "data").close()
    assert mode(tmp_path / "data") == 0o700


def test_one_that_was_open_is_closed_and_that_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    directory.chmod(0o755)
    lock_data(directory).close()
    assert mode(directory) == 0o700
    assert "had mode 0755" in caplog.text


def test_one_that_is_meant_for_all_stays_so(tmp_path: Path) -> None:
    directory = tmp_path / "shared"
    directory.mkdir()
    directory.chmod(0o1777)
    lock_data(directory).close()
    assert mode(directory) == 0o1777
