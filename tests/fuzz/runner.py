"""Runs the engine and keeps what it found."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import corpus

ROOT = Path(__file__).parents[2]
_GRACE_S = 120


@dataclass(frozen=True)
class Outcome:
    """What one run of a target came to."""

    name: str
    kept: list[Path]
    """Inputs that failed, stored among the crashes."""
    log: str
    sound: bool

    @property
    def summary(self) -> str:
        """How many inputs there were, in the engine's words."""
        lines = [line for line in self.log.splitlines() if line.startswith(("Done ", f"{self.name}: "))]
        return lines[-1].removeprefix(f"{self.name}: ") if lines else "no summary"


def fuzz(name: str, seconds: int, seed: int) -> Outcome:
    """Fuzz one target in a process of its own."""
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as place:
        work = Path(place) / "work"
        command = [sys.executable, "-m", "tests.fuzz.engine", name, str(seconds), str(seed), str(work)]
        done = subprocess.run(
            command, cwd=ROOT, timeout=seconds + _GRACE_S, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        kept = [corpus.keep(name, path.read_bytes()) for path in sorted((work / "crashes").glob("*"))]
    return Outcome(name, kept, done.stdout, done.returncode == 0 and not kept)
