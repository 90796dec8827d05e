"""The directory of one capture: what it holds is the whole state of a recording that is not yet stored.

`recording.json` (begun) → `stopped.json` (ended: may be composed) → `out/result.json` (composed: may be stored)
→ `stored.json` (may go), or `failed.json` (given up: the journals stay). Each file appears whole or not at all.
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
"""What writing fails with when there is no room."""
EXIT_NO_SPACE: Final = 28
"""The composer's exit code then: trying again later may help, as it does not with a broken capture."""
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class _File(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class Manifest(_File):
    """`recording.json`; times are CLOCK_REALTIME in ns."""

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
    """One file to be stored; the program names no track."""

    name: str
    content_type: str
    size: int
    duration_s: float
    offset_s: float = 0.0
    """From the recording's start to the file's first frame or sound."""
    track_id: str | None = None
    participant_id: str | None = None
    user_id: str | None = None
    source: str | None = None


class Result(_File):
    """`result.json`: what the composer made; `files[0]` is the program."""

    duration_s: float
    size: int
    files: list[OutputFile]
    damages: list[str] = []
    """What could not be read or decoded."""


class Failed(_File):
    """`failed.json`."""

    reason: str


class Stored(_File):
    """`stored.json`: nothing here is needed any more."""


State = Literal["running", "stopped", "composed", "stored", "failed"]
Model = TypeVar("Model", bound=_File)


class Capture:
    """Reads and writes one capture directory. Every method does file I/O: not for an event loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.out = path / "out"

    @classmethod
    def named(cls, captures: Path, recording: str) -> "Capture":
        """The capture of a recording; the id becomes a path, so its characters are checked."""
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
        """`running` means: never stopped in order, whether or not anything still writes here."""
        if (self.path / "failed.json").exists():
            return "failed"
        if (self.path / "stored.json").exists():
            return "stored"
        if self.stopped() is None:
            return "running"
        return "stopped" if self.result() is None else "composed"

    def begin(self, manifest: Manifest) -> None:
        """Make the directory; one that was begun before goes on."""
        self.path.mkdir(parents=True, exist_ok=True)
        if self.manifest() is None:
            write_json(self.path / "recording.json", manifest)
        (self.path / "stopped.json").unlink(missing_ok=True)

    def alive(self) -> None:
        """Leave a trace that the capture goes on, for `last_sign` when nobody publishes anything."""
        os.utime(self.path / "recording.json")

    def last_sign(self) -> int:
        """When something last happened here, in ns."""
        paths = [self.path / "recording.json", *self.journals()]
        return max((path.stat().st_mtime_ns for path in paths if path.exists()), default=0)

    def stop(self, stopped_ns: int, reason: str = "stopped") -> None:
        """Close it; the first stop counts."""
        if self.stopped() is None:
            write_json(self.path / "stopped.json", Stopped(stopped_ns=stopped_ns, reason=reason))

    def finish(self, result: Result) -> None:
        write_json(self.out / "result.json", result)

    def fail(self, reason: str) -> None:
        write_json(self.path / "failed.json", Failed(reason=reason))

    def journals(self) -> list[Path]:
        """All journals; those of one track in the order in which they were begun."""
        return sorted(self.path.glob("*.journal"), key=_journal_order)

    def journal_bytes(self) -> int:
        """The size of all journals."""
        return sum(path.stat().st_size for path in self.journals())

    def next_journal(self, track: str) -> Path:
        """A path for a new journal of `track`."""
        if not _NAME.fullmatch(track):
            raise ValueError(f"{track!r} is no track id")
        orders = [_journal_order(path) for path in self.path.glob(f"{track}-*.journal")]
        last = max((number for name, number in orders if name == track), default=0)
        return self.path / f"{track}-{last + 1}.journal"

    def remove(self, keep_journals: bool) -> None:
        """Forget what is stored; with `keep_journals` only the composed files go."""
        write_json(self.path / "stored.json", Stored())
        shutil.rmtree(self.out, ignore_errors=True)
        if not keep_journals:
            shutil.rmtree(self.path, ignore_errors=True)


def captures_in(directory: Path) -> Iterable[Capture]:
    """All captures, oldest first (ids sort by time)."""
    if not directory.is_dir():
        return []
    return [Capture(path) for path in sorted(directory.iterdir()) if (path / "recording.json").exists()]


def write_json(path: Path, model: BaseModel) -> None:
    """Write a file so that it is there whole or not at all, also after the power fails."""
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
