"""One fuzzing run of one target, in a process of its own: libFuzzer leaves it as it likes.

`python -m tests.fuzz.engine TARGET SECONDS SEED WORK_DIRECTORY` stores what fails in `WORK_DIRECTORY/crashes` and
exits with 0 if nothing did.
"""

import contextlib
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType

from tests.fuzz import corpus
from tests.fuzz.mutation import Mutator
from tests.fuzz.target import Target, check, load

INSTRUMENTED = 10.0
"""Instrumented code is slower: its time limit is so many times larger. The replay applies the real one."""


def atheris_module() -> ModuleType | None:
    """Atheris, where it has a wheel for this Python."""
    with contextlib.suppress(ImportError):
        import atheris

        return atheris
    return None


def guided(atheris: ModuleType, name: str, seconds: int, seed: int, work: Path) -> None:
    """Fuzz with coverage; does not return."""
    packages = _packages(name)
    with atheris.instrument_imports(include=list(packages)):
        target = load(name)
    found = work / "corpus"
    found.mkdir()
    arguments = [
        f"fuzz {name}", str(found), *(str(path.parent) for path in corpus.inputs(name)[:1]),
        f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={target.max_length}", "-timeout=20",
        "-rss_limit_mb=2048", f"-artifact_prefix={work / 'crashes'}/", "-print_final_stats=1", "-verbosity=1",
    ]  # fmt: skip
    if target.words:
        words = work / "words"
        words.write_text("".join(f'"{_quoted(word)}"\n' for word in target.words))
        arguments.append(f"-dict={words}")
    atheris.Setup(arguments, lambda data: check(target, data, INSTRUMENTED))
    atheris.Fuzz()


def _packages(name: str) -> tuple[str, ...]:
    """What a target wants instrumented; asked in another process: its parser must not be imported here yet."""
    question = f"from tests.fuzz.target import load; print(*load({name!r}).packages)"
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    return tuple(answer.stdout.split())


def _quoted(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def blind(target: Target, seconds: int, seed: int, work: Path) -> int:
    """Mutate without coverage until the time is over; returns how many kinds of failure there were."""
    mutator = Mutator(
        seed, [path.read_bytes() for path in corpus.inputs(target.name)], target.words, target.max_length
    )
    kinds: set[str] = set()
    runs, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutator.next()
        runs += 1
        try:
            check(target, data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
            place = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} {place.filename}:{place.lineno}"
            if kind not in kinds:
                kinds.add(kind)
                traceback.print_exc()
                (work / "crashes" / f"crash-{len(kinds)}").write_bytes(data)
    print(f"{target.name}: {runs} inputs, {len(kinds)} kinds of failure")
    return len(kinds)


def main(name: str, seconds: int, seed: int, work: Path) -> int:
    (work / "crashes").mkdir(parents=True)
    atheris = atheris_module()
    if atheris is not None and _packages(name):
        guided(atheris, name, seconds, seed, work)
    return min(1, blind(load(name), seconds, seed, work))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
