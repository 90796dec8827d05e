from pathlib import Path

import pytest

from mediaserver.base.errors import InsufficientStorage
from mediaserver.base.processes.disk import DiskReserve, free_bytes

HERE = Path("/data")


def test_files_that_leave_the_reserve_are_taken() -> None:
    DiskReserve(HERE, 500, lambda directory: 1500).require(1000)


def test_files_that_would_touch_the_reserve_are_refused_without_figures() -> None:
    with pytest.raises(InsufficientStorage) as refused:
        DiskReserve(HERE, 500, lambda directory: 1499).require(1000)
    assert (refused.value.status, refused.value.code) == (507, "disk_reserve")
    assert not any(character.isdigit() for character in refused.value.detail)


def test_a_shortage_is_logged_once_until_there_is_room_again(caplog: pytest.LogCaptureFixture) -> None:
    free = 100
    reserve = DiskReserve(HERE, 500, lambda directory: free)
    for _ in range(3):
        with pytest.raises(InsufficientStorage):
            reserve.require(1)
    assert len(caplog.records) == 1
    free = 1000
    reserve.require(1)
    free = 100
    with pytest.raises(InsufficientStorage):
        reserve.require(1)
    assert len(caplog.records) == 2


def test_free_bytes_asks_the_file_system(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0
