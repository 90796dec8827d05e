"""The inputs that stay in the repository: seeds, and every input that once failed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
SEEDS, CRASHES = HERE / "seeds", HERE / "crashes"
MOST_PREFIXES = 400


def inputs(name: str) -> list[Path]:
    """All files of a target, seeds first."""
    return [path for root in (SEEDS, CRASHES) for path in sorted((root / name).glob("*"))]


def prefixes(data: bytes) -> Iterator[bytes]:
    """Every truncation of a seed, from nothing to one byte less; of a long one evenly spread ones."""
    step = max(1, len(data) // MOST_PREFIXES)
    for end in range(0, len(data), step):
        yield data[:end]


def keep(name: str, data: bytes) -> Path:
    """Store an input that failed, for the tests to replay from now on."""
    path = CRASHES / name / f"{hashlib.sha256(data).hexdigest()[:16]}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
