"""What a fuzz target declares, and the verdict on one input."""

import contextlib
import importlib
import pkgutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fuzz import targets

ATTEMPTS = 3


class TooSlow(AssertionError):
    """An input costs more CPU time than its target allows."""


@dataclass(frozen=True)
class Target:
    """One parser.

    `run` raises nothing but `refusals`, whatever the bytes are, and asserts what must hold besides.
    """

    name: str
    run: Callable[[bytes], Any]
    refusals: tuple[type[Exception], ...] = ()
    """How the parser refuses bad input."""
    packages: tuple[str, ...] = ()
    """Modules whose coverage guides the fuzzer; without any the fuzzer mutates blindly."""
    max_length: int = 2048
    cpu_s: float = 0.1
    """CPU time that one input may cost without instrumentation."""
    words: tuple[bytes, ...] = ()
    """What to insert when mutating: keywords of the format."""


def check(target: Target, data: bytes, slack: float = 1.0) -> None:
    """Run one input; raises what is wrong with its handling. An overrun of the time is measured three times."""
    for _ in range(ATTEMPTS):
        begin = time.thread_time()
        _run(target, data)
        spent = time.thread_time() - begin
        if spent <= target.cpu_s * slack:
            return
    raise TooSlow(f"{target.name}: {spent:.3f} s of CPU for {len(data)} bytes in each of {ATTEMPTS} attempts")


def _run(target: Target, data: bytes) -> None:
    with contextlib.suppress(*target.refusals):
        target.run(data)


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(targets.__path__))


def load(name: str) -> Target:
    """Import a target; its module imports the parser."""
    target: Target = importlib.import_module(f"tests.fuzz.targets.{name}").TARGET
    assert target.name == name
    return target
