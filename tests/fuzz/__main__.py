"""`python -m tests.fuzz --target rtcp --seconds 60 --seed 1`: look for inputs that a parser does not bear.

Without `--target` all of them take turns. What fails is stored in `tests/fuzz/crashes` for the tests to replay.
"""

import argparse
import sys

from tests.fuzz.runner import fuzz
from tests.fuzz.target import names


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", action="append", choices=names(), help="may be given several times")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sound = True
    for name in options.target or names():
        outcome = fuzz(name, options.seconds, options.seed)
        sound = sound and outcome.sound
        if not outcome.sound:
            print(outcome.log[-8000:])
        print(
            f"{name}: {outcome.summary}: {'nothing found' if outcome.sound else f'kept {outcome.kept}'}",
            flush=True,
        )
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
