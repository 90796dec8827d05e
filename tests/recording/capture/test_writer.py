"""Journals are written apart from the event loop, within bounds."""

import os
from pathlib import Path

import pytest

from mediaserver.recording.capture import journal, writer
from mediaserver.recording.capture.journal import Journal
from mediaserver.recording.capture.writer import Disk
from tests.recording.studio import Sender, track

HEADER = track("MIC", Sender("ann"), "microphone", "opus").header


async def test_what_waits_is_bounded_and_what_was_dropped_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_PENDING", 10_000)
    disk = Disk()
    file = await disk.open(tmp_path / "MIC-1.journal", HEADER)
    for number in range(15):
        file.append(journal.RTP, number, bytes(1000))
    assert disk.pending <= 10_000
    assert disk.dropped == 6
    await disk.flush([file], sync=True)
    assert disk.pending == 0
    file.append(journal.RTP, 99, b"again")
    file.end(100)
    assert await disk.flush([file], sync=False) == {file: None}
    records = list(Journal((tmp_path / "MIC-1.journal").read_bytes()))
    assert [record.arrival_ns for record in records] == [*range(9), 99, 99, 100]
    assert journal.mark_of(records[9]) == {"overflow": 6}
    assert records[-1].kind == journal.END
    disk.stop()


async def test_nothing_comes_after_the_end(tmp_path: Path) -> None:
    disk = Disk()
    file = await disk.open(tmp_path / "MIC-1.journal", HEADER)
    file.end(1)
    file.end(2)
    file.append(journal.RTP, 3, b"late")
    await disk.flush([file], sync=False)
    assert [record.kind for record in Journal((tmp_path / "MIC-1.journal").read_bytes())] == [journal.END]
    disk.stop()


async def test_a_journal_is_never_written_over(tmp_path: Path) -> None:
    disk = Disk()
    file = await disk.open(tmp_path / "MIC-1.journal", HEADER)
    with pytest.raises(FileExistsError):
        await disk.open(tmp_path / "MIC-1.journal", HEADER)
    file.end(1)
    await disk.flush([file], sync=False)
    disk.stop()


async def test_a_disk_that_refuses_everything_is_an_error(tmp_path: Path) -> None:
    """/dev/full takes nothing: every write fails with ENOSPC."""
    disk = Disk()
    file = await disk.open(tmp_path / "MIC-1.journal", HEADER)
    file.append(journal.RTP, 1, b"packet")
    file.close()
    file._fd = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space"):
        file.write(file.take())
    file.close()
    disk.stop()
