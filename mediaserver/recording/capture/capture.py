"""The directory of a capture, which holds the whole state of a recording that is not stored yet.

`recording.json` (started) → `stopped.json` (ended: may be composed) → `out/result.json` (composed: may be
stored) → `stored.json` (may be deleted), or `failed.json` (given up: the journals stay). Each file is written
atomically.
"""

import errno
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

NO_SPACE: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
"""Errors of writes for lack of disk space."""
EXIT_NO_SPACE: Final = 28
"""Exit code of the composer for lack of disk space: unlike for a broken capture, a retry may succeed."""
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class _File(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class Manifest(_File):
    """Content of `recording.json`. Times are CLOCK_REALTIME in ns."""

    recording: str
    session_kind: Literal["live", "video", "audio"]
    session: str
    title: str = ""
    started_ns: int


class Stopped(_File):
    """`stopped.json`."""

    stopped_ns: int
    reason: str = "stopped"


class OutputFile(_File):
    """A file to be stored. The program belongs to no track."""

    name: str
    content_type: str
    size: int
    duration_s: float
    offset_s: float = 0.0
    """Time from the start of the recording to the first frame or sample of the file."""
    track_id: str | None = None
    participant_id: str | None = None
    user_id: str | None = None
    source: str | None = None


class Result(_File):
    """Content of `result.json`: the files of the composer; `files[0]` is the program."""

    duration_s: float
    size: int
    files: list[OutputFile]
    damages: list[str] = []
    """Descriptions of what could not be read or decoded."""


class Failed(_File):
    """`failed.json`."""

    reason: str


class Stored(_File):
    """Content of `stored.json`: the capture is no longer needed."""


State = Literal["running", "stopped", "composed", "stored", "failed"]
Model = TypeVar("Model", bound=_File)


class Capture:
    """Reads and writes a capture directory. All methods perform blocking file I/O."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.out = path / "out"

    @classmethod
    def named(cls, captures: Path, recording: str) -> "Capture":
        """Return the capture of a recording. The id becomes part of a path, so its characters are checked."""
        if not _NAME.fullmatch(recording):
            raise ValueError(f"{recording!r} is no recording id")
        return cls(captures / recording)

    @property
    def name(self) -> str:
        return self.path.name

    def manifest(self) -> Manifest | None:
        return _read(self.path / "recording.json", Manifest)

    def stopped(self) -> Stopped | None:
        return _read(self.path / "stopped.json", Stopped)

    def result(self) -> Result | None:
        return _read(self.out / "result.json", Result)

    def failed(self) -> Failed | None:
        return _read(self.path / "failed.json", Failed)

    def state(self) -> State:
        """The state of the capture. `running` means never stopped, whether or not anything still writes to it."""
        if (self.path / "failed.json").exists():
            return "failed"
        if (self.path / "stored.json").exists():
            return "stored"
        if self.stopped() is None:
            return "running"
        return "stopped" if self.result() is None else "composed"

    def begin(self, manifest: Manifest) -> None:
        """Create the directory; an existing capture continues."""
        self.path.mkdir(parents=True, exist_ok=True)
        if self.manifest() is None:
            write_json(self.path / "recording.json", manifest)
        (self.path / "stopped.json").unlink(missing_ok=True)

    def alive(self) -> None:
        """Record that the capture is alive, for `last_sign` while no track is published."""
        os.utime(self.path / "recording.json")

    def last_sign(self) -> int:
        """Return when the capture was last active, in ns."""
        paths = [self.path / "recording.json", *self.journals()]
        return max((path.stat().st_mtime_ns for path in paths if path.exists()), default=0)

    def stop(self, stopped_ns: int, reason: str = "stopped") -> None:
        """Close the capture; later calls change nothing."""
        if self.stopped() is None:
            write_json(self.path / "stopped.json", Stopped(stopped_ns=stopped_ns, reason=reason))

    def finish(self, result: Result) -> None:
        write_json(self.out / "result.json", result)

    def fail(self, reason: str) -> None:
        write_json(self.path / "failed.json", Failed(reason=reason))

    def journals(self) -> list[Path]:
        """Return all journals; those of a track in the order of their start."""
        return sorted(self.path.glob("*.journal"), key=_journal_order)

    def journal_bytes(self) -> int:
        """Return the size of all journals in bytes."""
        return sum(path.stat().st_size for path in self.journals())

    def next_journal(self, track: str) -> Path:
        """Return the path of a new journal of `track`."""
        if not _NAME.fullmatch(track):
            raise ValueError(f"{track!r} is no track id")
        orders = [_journal_order(path) for path in self.path.glob(f"{track}-*.journal")]
        last = max((number for name, number in orders if name == track), default=0)
        return self.path / f"{track}-{last + 1}.journal"

    def remove(self, keep_journals: bool) -> None:
        """Delete the capture after it was stored; with `keep_journals` only the composed files."""
        write_json(self.path / "stored.json", Stored())
        shutil.rmtree(self.out, ignore_errors=True)
        if not keep_journals:
            shutil.rmtree(self.path, ignore_errors=True)


def captures_in(directory: Path) -> Iterable[Capture]:
    """Return all captures, oldest first (ids sort by time)."""
    if not directory.is_dir():
        return []
    return [Capture(path) for path in sorted(directory.iterdir()) if (path / "recording.json").exists()]


def write_json(path: Path, model: BaseModel) -> None:
    """Write a file atomically, even if the power fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    with temporary.open("w") as file:
        file.write(model.model_dump_json(by_alias=True, exclude_none=True))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _read(path: Path, model: type[Model]) -> Model | None:
    try:
        return model.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _journal_order(path: Path) -> tuple[str, int]:
    track, _, number = path.stem.rpartition("-")
    return track, int(number) if number.isdigit() else 0
