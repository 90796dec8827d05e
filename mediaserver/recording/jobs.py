"""Turns finished captures into recordings: composes them one at a time, stores the files, deletes the capture.

The state of this work is read from the capture directories, so a restart at any moment at most repeats a step. A
capture is deleted only after its files are stored and its document says so.
"""

import asyncio
import contextlib
import errno
import json
import logging
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from mediaserver.base.errors import NotFound, Problem
from mediaserver.base.processes.disk import FreeBytes, free_bytes
from mediaserver.base.processes.supervision import periodic
from mediaserver.base.settings.tree import RecordingSettings
from mediaserver.domain.sessions.recordings import RecordedTrack
from mediaserver.recording.capture.capture import EXIT_NO_SPACE, Capture, OutputFile, State, captures_in
from mediaserver.recording.capture.disk_guard import COMPOSE_FACTOR
from mediaserver.recording.capture.ledger import Ledger
from mediaserver.store.objects import ObjectStore

log = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 3
_STALL_S: Final = 900.0
"""A composer without output for this time is considered hung."""
_FIRST_RETRY_S: Final = 2.0
_LAST_RETRY_S: Final = 60.0
_LOOK_EVERY_S: Final = 30.0
"""Interval at which the directories are scanned without being woken."""


class ComposerFailed(Exception):
    """The composer failed; the message is its last line of output."""


class Jobs:
    """Composes and stores captures. Call `wake` after a capture was stopped; `run` must be running."""

    def __init__(
        self,
        captures: Path,
        settings: RecordingSettings,
        objects: ObjectStore,
        ledger: Ledger,
        first_retry_s: float = _FIRST_RETRY_S,
        free: FreeBytes = free_bytes,
    ) -> None:
        self._captures, self._settings = captures, settings
        self._objects, self._ledger = objects, ledger
        self._first_retry_s, self._free = first_retry_s, free
        self._wake = asyncio.Event()
        self._attempts: Counter[str] = Counter()
        self._tries: Counter[str] = Counter()
        self._not_before: dict[str, float] = {}
        self._steps: dict[State, Callable[[Capture], Awaitable[None]]] = {
            "stopped": self._compose,
            "composed": self._store,
            "stored": self._clean,
        }
        self.composing: str | None = None
        self.composer_pid: int | None = None
        self.percent = 0

    def wake(self) -> None:
        """Start work without waiting for the next scan."""
        self._wake.set()

    async def run(self) -> None:
        """Compose and store captures until canceled."""
        await periodic("composing", self._work, self._pause_s, self._wake)

    async def _work(self) -> None:
        while await self._round():
            pass

    async def _round(self) -> bool:
        """Do one step for every capture that is due; return whether there was any."""
        worked = False
        for capture in await asyncio.to_thread(lambda: list(captures_in(self._captures))):
            if self._not_before.get(capture.name, 0.0) > _now():
                continue
            try:
                worked |= await self._step(capture)
                self._not_before.pop(capture.name, None)
                self._tries.pop(capture.name, None)
            except (Problem, OSError, ComposerFailed) as error:
                self._retry_later(capture, str(error))
            except Exception:  # a bug that affects one capture must not delay the others
                log.exception("a step failed", extra={"recording": capture.name})
                self._retry_later(capture, "a fault of the server")
        return worked

    async def _step(self, capture: Capture) -> bool:
        state = await asyncio.to_thread(capture.state)
        step = self._steps.get(state)
        if step is None or (state == "stored" and self._settings.keep_journals):
            return False
        await step(capture)
        return True

    def _retry_later(self, capture: Capture, why: str) -> None:
        wait_s = min(self._first_retry_s * 2 ** self._tries[capture.name], _LAST_RETRY_S)
        self._tries[capture.name] += 1
        self._not_before[capture.name] = _now() + wait_s
        log.warning(
            "a recording is not finished yet, trying again",
            extra={"recording": capture.name, "why": why, "in_s": wait_s},
        )

    def _pause_s(self) -> float:
        waits = [due - _now() for due in self._not_before.values()]
        return max(0.01, min([*waits, _LOOK_EVERY_S]))

    # ---------------------------------------------------------------------------------- steps

    async def _compose(self, capture: Capture) -> None:
        await asyncio.to_thread(self._require_room, capture)
        self.composing, self.percent = capture.name, 0
        try:
            await self._run_composer(capture)
        except ComposerFailed as error:
            self._attempts[capture.name] += 1
            if self._attempts[capture.name] < MAX_ATTEMPTS:
                raise
            log.error("a recording cannot be composed", extra={"recording": capture.name, "why": str(error)})
            await asyncio.to_thread(capture.fail, str(error))
            await self._tell_failure(capture, str(error))
        finally:
            self.composing = None

    def _require_room(self, capture: Capture) -> None:
        """Raises: OSError if composing could use the disk space that is reserved for documents."""
        needed = int(COMPOSE_FACTOR * capture.journal_bytes()) + self._settings.min_free_bytes
        if self._free(self._captures) < needed:
            raise OSError(errno.ENOSPC, f"composing needs {needed >> 20} MiB of free disk")

    async def _tell_failure(self, capture: Capture, why: str) -> None:
        with contextlib.suppress(NotFound):
            await self._ledger.failed(capture.name, why)

    async def _run_composer(self, capture: Capture) -> None:
        settings = self._settings
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mediaserver.recording.composition.composer", str(capture.path.absolute()),
            "--width", str(settings.width), "--height", str(settings.height), "--fps", str(settings.fps),
            "--with-parent",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdout and process.stderr
        self.composer_pid = process.pid
        errors = asyncio.create_task(process.stderr.read(), name="composer errors")
        try:
            await self._follow(process.stdout)
            code = await asyncio.wait_for(process.wait(), _STALL_S)
        except TimeoutError:
            raise ComposerFailed("the composer hung") from None
        finally:
            self.composer_pid = None
            if process.returncode is None:
                process.kill()
                await process.wait()
            said = (await errors).decode(errors="replace").strip()
            if process.stdin:
                process.stdin.close()
        if said:
            log.info("the composer said", extra={"recording": capture.name, "said": said[-4000:]})
        if code == EXIT_NO_SPACE:
            raise OSError(errno.ENOSPC, "there is no room to compose in")
        if code:
            raise ComposerFailed(_last_line(said) or f"the composer ended with {code}")

    async def _follow(self, progress: asyncio.StreamReader) -> None:
        while line := await asyncio.wait_for(progress.readline(), _STALL_S):
            with contextlib.suppress(ValueError, KeyError):
                self.percent = json.loads(line)["percent"]

    async def _store(self, capture: Capture) -> None:
        result = await asyncio.to_thread(capture.result)
        assert result, "a composed capture has a result"
        keys = {file.name: f"recordings/{capture.name}/{file.name}" for file in result.files}
        for file in result.files:
            await self._objects.put_file(keys[file.name], capture.out / file.name, file.content_type)
        program, *tracks = result.files
        try:
            await self._ledger.ready(
                capture.name, keys[program.name], program.size, result.duration_s, _recorded(tracks, keys)
            )
        except NotFound:  # deleted meanwhile
            for key in keys.values():
                await self._objects.delete(key)
        await asyncio.to_thread(capture.remove, self._settings.keep_journals)
        if result.damages:
            log.warning("a recording has gaps", extra={"recording": capture.name, "damages": result.damages[:20]})

    async def _clean(self, capture: Capture) -> None:
        await asyncio.to_thread(capture.remove, False)


def _recorded(files: Sequence[OutputFile], keys: dict[str, str]) -> list[RecordedTrack]:
    return [
        RecordedTrack.model_validate(
            {
                "participant_id": file.participant_id,
                "user_id": file.user_id,
                "source": file.source,
                "object_key": keys[file.name],
                "content_type": file.content_type,
                "size": file.size,
                "duration_s": file.duration_s,
                "offset_s": file.offset_s,
            }
        )
        for file in files
    ]


def _last_line(said: str) -> str:
    return said.rpartition("\n")[2][:500]


def _now() -> float:
    return asyncio.get_running_loop().time()
