"""From a stopped capture to a stored recording, through crashes, absences and restarts."""

import asyncio
import contextlib
import errno
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from mediaserver.base.errors import NotFound, Unavailable
from mediaserver.base.settings.tree import RecordingSettings
from mediaserver.domain.sessions.recordings import RecordedTrack
from mediaserver.recording import jobs
from mediaserver.recording.capture.capture import Capture
from mediaserver.recording.capture.ledger import Unfinished
from mediaserver.recording.jobs import Jobs
from mediaserver.recording.recover import recover
from tests.recording.conftest import until
from tests.recording.studio import Sender, at, capture, film, play, tone, track

SETTINGS = RecordingSettings(width=320, height=180, fps=25)


@dataclass
class Documents:
    """A ledger that remembers."""

    waiting: list[Unfinished] = field(default_factory=list)
    gone: bool = False
    ready_: dict[str, tuple[str, int, float, Sequence[RecordedTrack]]] = field(default_factory=dict)
    failed_: dict[str, str] = field(default_factory=dict)
    stopped_: dict[str, datetime] = field(default_factory=dict)

    async def unfinished(self) -> list[Unfinished]:
        return self.waiting

    async def stopped(self, recording: str, at: datetime) -> None:
        self.stopped_[recording] = at

    async def ready(
        self, recording: str, object_key: str, size: int, duration_s: float, tracks: Sequence[RecordedTrack]
    ) -> None:
        if self.gone:
            raise NotFound("not_found", "deleted")
        self.ready_[recording] = (object_key, size, duration_s, tracks)

    async def failed(self, recording: str, reason: str) -> None:
        self.failed_[recording] = reason


@dataclass
class Objects:
    """A store in memory that is away for the first few calls."""

    away: int = 0
    kept: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    async def put_file(self, key: str, path: Path, content_type: str) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("objects_unavailable", "the bucket does not answer")
        self.kept[key] = (path.read_bytes(), content_type)

    async def delete(self, key: str) -> None:
        self.kept.pop(key, None)


@asynccontextmanager
async def working(made: Jobs) -> AsyncIterator[Jobs]:
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def make(captures: Path, objects: Objects, documents: Documents, **settings: Any) -> Jobs:
    store: Any = objects
    return Jobs(captures, SETTINGS.model_copy(update=settings), store, documents, first_retry_s=0.01)


def lesson(path: Path, stopped_s: float | None = 1.5) -> Capture:
    ann = Sender("ann")
    tracks = [
        film(track("CAM", ann, "camera", "VP8"), 0.2, 1.2, (200, 30, 30), size=(160, 90)),
        tone(track("MIC", ann, "microphone", "opus"), 0.2, 1.2, 440),
    ]
    return capture(path, tracks, stopped_s)


async def test_a_stopped_capture_becomes_a_stored_recording(tmp_path: Path) -> None:
    made, objects, documents = lesson(tmp_path), Objects(), Documents()
    async with working(make(tmp_path, objects, documents)):
        await until(lambda: not made.path.exists())
    key, size, duration_s, tracks = documents.ready_["REC"]
    assert key == "recordings/REC/program.mp4"
    assert (len(objects.kept[key][0]), objects.kept[key][1]) == (size, "video/mp4")
    assert duration_s == pytest.approx(1.5)
    assert sorted(one.source for one in tracks) == ["camera", "microphone"]
    assert all(len(objects.kept[one.object_key][0]) == one.size for one in tracks)
    played = tmp_path / "program.mp4"
    played.write_bytes(objects.kept[key][0])
    assert play(played).duration_s == pytest.approx(1.5, abs=0.1)


async def test_a_running_capture_is_left_alone_until_it_is_stopped(tmp_path: Path) -> None:
    made, documents = lesson(tmp_path, stopped_s=None), Documents()
    async with working(make(tmp_path, Objects(), documents)) as work:
        await asyncio.sleep(0)
        assert work.composing is None
        made.stop(at(1.0))
        work.wake()
        await until(lambda: documents.ready_)
    assert documents.ready_["REC"][2] == pytest.approx(1.0)


async def test_composing_waits_until_it_cannot_use_up_the_disk(tmp_path: Path) -> None:
    made, documents = lesson(tmp_path), Documents()
    free, asked = 3 * made.journal_bytes() + 999, asyncio.Event()

    def free_bytes(directory: Path) -> int:
        loop.call_soon_threadsafe(asked.set)
        return free

    loop, store = asyncio.get_running_loop(), cast(Any, Objects())
    settings = SETTINGS.model_copy(update={"min_free_bytes": 1000})
    async with working(Jobs(tmp_path, settings, store, documents, first_retry_s=0.01, free=free_bytes)) as work:
        async with asyncio.timeout(10):
            for _ in range(3):
                await asked.wait()
                asked.clear()
        assert made.state() == "stopped" and work.composer_pid is None
        free += 1
        await until(lambda: documents.ready_)


@pytest.mark.slow
async def test_storing_is_tried_until_the_store_is_back(tmp_path: Path) -> None:
    made, objects, documents = lesson(tmp_path), Objects(away=4), Documents()
    async with working(make(tmp_path, objects, documents)):
        await until(lambda: not made.path.exists())
    assert objects.away == 0
    assert "REC" in documents.ready_


@pytest.mark.slow
async def test_journals_are_kept_when_that_is_set_and_not_composed_again(tmp_path: Path) -> None:
    made, documents = lesson(tmp_path), Documents()
    async with working(make(tmp_path, Objects(), documents, keep_journals=True)):
        await until(lambda: made.state() == "stored" and not made.out.exists())
    assert len(made.journals()) == 2
    documents.ready_.clear()
    async with working(make(tmp_path, Objects(), documents)):
        await until(lambda: not made.path.exists())
    assert not documents.ready_


async def test_a_composer_killed_in_the_middle_is_run_again(tmp_path: Path) -> None:
    lesson(tmp_path)
    documents = Documents()
    async with working(make(tmp_path, Objects(), documents)) as work:
        await until(lambda: work.composer_pid)
        killed = work.composer_pid
        assert killed
        os.kill(killed, signal.SIGKILL)
        await until(lambda: documents.ready_)
    assert not documents.failed_


@pytest.mark.slow
async def test_a_capture_that_no_composer_survives_fails_and_keeps_its_journals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, documents = lesson(tmp_path), Documents()
    monkeypatch.setattr(jobs, "MAX_ATTEMPTS", 2)
    (made.path / "recording.json").write_text("{}")
    async with working(make(tmp_path, Objects(), documents)):
        await until(lambda: documents.failed_)
    assert "no capture" in documents.failed_["REC"]
    assert made.state() == "failed"
    assert len(made.journals()) == 2


@pytest.mark.slow
async def test_a_capture_that_cannot_even_be_looked_at_does_not_hold_up_the_others(tmp_path: Path) -> None:
    documents = Documents()
    broken = tmp_path / "A-FIRST"
    broken.mkdir()
    (broken / "recording.json").write_text("{}")
    (broken / "stopped.json").mkdir()
    lesson(tmp_path)
    async with working(make(tmp_path, Objects(), documents)):
        await until(lambda: documents.ready_)


@pytest.mark.slow
async def test_what_was_deleted_meanwhile_leaves_nothing_behind(tmp_path: Path) -> None:
    made, objects = lesson(tmp_path), Objects()
    async with working(make(tmp_path, objects, Documents(gone=True))):
        await until(lambda: not made.path.exists())
    assert objects.kept == {}


@pytest.mark.slow
async def test_stopping_the_server_leaves_no_composer_behind(tmp_path: Path) -> None:
    made, documents = lesson(tmp_path), Documents()
    async with working(make(tmp_path, Objects(), documents)) as work:
        await until(lambda: work.composer_pid)
        running = work.composer_pid
        assert running
    with pytest.raises(ProcessLookupError):
        os.kill(running, 0)
    assert made.state() == "stopped"
    async with working(make(tmp_path, Objects(), documents)):
        await until(lambda: documents.ready_)


async def test_after_a_crash_running_captures_are_closed_with_their_last_sign_of_life(tmp_path: Path) -> None:
    made = lesson(tmp_path, stopped_s=None)
    for path in made.path.iterdir():
        os.utime(path, ns=(at(2), at(2)))
    documents = Documents(waiting=[Unfinished("REC", True), Unfinished("NEVER-CAPTURED", True)])
    await recover(tmp_path, documents)
    stopped = made.stopped()
    assert stopped is not None
    assert (stopped.stopped_ns, stopped.reason) == (at(2), "cut off")
    assert documents.stopped_ == {"REC": datetime.fromtimestamp(at(2) / 1e9, UTC)}
    assert documents.failed_ == {"NEVER-CAPTURED": "nothing was captured"}
    async with working(make(tmp_path, Objects(), documents)):
        await until(lambda: documents.ready_)
    assert documents.ready_["REC"][2] == pytest.approx(2.0)


async def test_recovery_repeats_a_failure_that_the_document_missed(tmp_path: Path) -> None:
    lesson(tmp_path).fail("it crashed")
    documents = Documents(waiting=[Unfinished("REC", False)])
    await recover(tmp_path, documents)
    assert documents.failed_ == {"REC": "it crashed"}


async def test_directories_that_cannot_be_read_now_are_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of descriptors: listing the captures fails, and composing goes on when it works again."""
    looks = asyncio.Queue[None]()

    def unreadable(directory: Path) -> list[Capture]:
        looks.put_nowait(None)
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(jobs, "captures_in", unreadable)
    async with working(Jobs(tmp_path, SETTINGS, Objects(), Documents())) as made:
        await asyncio.wait_for(looks.get(), 5)
        made.wake()
        await asyncio.wait_for(looks.get(), 5)
