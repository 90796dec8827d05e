from pathlib import Path

import pytest

from mediaserver.base.errors import StartError
from mediaserver.base.processes.data_directory_lock import lock_data, node_name


def test_one_server_a_data_directory(tmp_path: Path) -> None:
    with lock_data(tmp_path / "data"), pytest.raises(StartError, match="another server is running"):
        lock_data(tmp_path / "data")
    lock_data(tmp_path / "data").close()


def test_a_data_directory_keeps_its_name(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert node_name(one) == node_name(one) != node_name(other)
    with pytest.raises(StartError, match="node"):
        node_name(tmp_path / "missing")
