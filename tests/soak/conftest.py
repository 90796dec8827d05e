"""What a soak needs: cores that are busy with something else, and other runs of pytest."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

Suite = Callable[..., None]


@pytest.fixture
def busy_cores() -> Iterator[None]:
    """One endless loop for each core."""
    with contextlib.ExitStack() as loops:
        for _ in range(os.cpu_count() or 1):
            loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            loops.callback(loop.wait)
            loops.callback(loop.kill)
        yield


@pytest.fixture
def run_suite() -> Suite:
    """`run_suite("-m", "browser")` runs pytest in a process of its own and fails with its report."""

    def run(*arguments: str) -> None:
        command = [sys.executable, "-m", "pytest", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"

    return run
