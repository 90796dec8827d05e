"""Skeletons of names, by Unicode UTS #39 section 4: names with the same skeleton look alike.

A skeleton is only for comparison, not for display: "limes" and "Iimes" both have the skeleton "lirnes".
"""

from collections.abc import Iterator
from functools import cache

from mediaserver.domain.text.text import normalized, without_ignorable
from mediaserver.domain.text.unicode_tables import LOOKALIKES


def skeleton(name: str) -> str:
    """Return the key that names which look alike share, ignoring case.

    It is made of the name as it was typed: `I` looks like `l`, whereas `i` does not. Folding comes last.
    """
    bare = without_ignorable(normalized("NFD", name))
    return normalized("NFD", bare.translate(_prototypes())).casefold()


def code_ranges(listed: str) -> Iterator[tuple[int, int]]:
    """The first and the last of each of `41-5a 61`."""
    for one in listed.split():
        first, _, last = one.partition("-")
        yield int(first, 16), int(last or first, 16)


@cache
def _prototypes() -> dict[int, str]:
    """For each character that looks like others what all of them look like."""
    found: dict[int, str] = {}
    for entry in LOOKALIKES.split(";"):
        target, _, sources = entry.strip().partition(":")
        text = "".join(chr(int(code, 16)) for code in target.split("+") if code)
        found |= {code: text for first, last in code_ranges(sources) for code in range(first, last + 1)}
    return found
