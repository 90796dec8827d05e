"""Recognize the most common passwords, using a list that is part of this package.

The list has 8,346 entries of at least 8 characters. Its origin and license are in `common_passwords.LICENSE`.
"""

import gzip
from functools import cache
from pathlib import Path

from mediaserver.domain.text.text import fold

_LIST = Path(__file__).with_name("common_passwords.txt.gz")


def is_common(password: str) -> bool:
    """Return whether `password` is on the list, ignoring case and Unicode composition."""
    return fold(password).strip() in _entries()


@cache
def _entries() -> frozenset[str]:
    return frozenset(gzip.decompress(_LIST.read_bytes()).decode().splitlines())
