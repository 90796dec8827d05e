"""Rules for new usernames by Unicode UTS #39, so that names are readable and distinguishable.

The rules apply to registration, renaming and the command line. Existing usernames stay valid, so `Username` in
`users.py` accepts more.
"""

import itertools
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from typing import Final

from mediaserver.domain.text.lookalikes import code_ranges, skeleton
from mediaserver.domain.text.text import fold, has_ignorable, normalized
from mediaserver.domain.text.unicode_tables import SCRIPTS, SOFT_DOTTED

LENGTH: Final = range(3, 33)
"""Of a username, in characters."""
_MAX_MARKS: Final = 4
"""On one letter (UTS #39 section 5.4): three are the most in any orthography, four in transcriptions."""
_SARA_AM: Final = {0x0E33: "\u0e4d\u0e32", 0x0EB3: "\u0ecd\u0eb2"}
"""The vowel of Thai and Lao that Unicode writes as two when it compares; no name can do without it."""
_DOT_ABOVE: Final = "\u0307"
_ANY_SCRIPT: Final = frozenset({"Zyyy", "Zinh"})
_WRITING_SYSTEMS: Final = {
    "Hani": ("Hanb", "Jpan", "Kore"),
    "Hira": ("Jpan",),
    "Kana": ("Jpan",),
    "Hang": ("Kore",),
    "Bopo": ("Hanb",),
}
"""Those that several scripts make together (UTS #39 section 5.1)."""
_WITH_LATIN: Final = frozenset({"Hanb", "Jpan", "Kore"})


def normalized_name(name: str) -> str:
    """Return a new username in its stored form, NFC."""
    return normalized("NFC", name)


def fault(name: str) -> str | None:
    """Return why a new username is invalid, as a fragment that follows the field name, or None."""
    return next(_faults(normalized_name(name)), None)


def _faults(name: str) -> Iterator[str]:
    if len(name) not in LENGTH:
        yield f"must have {LENGTH.start} to {LENGTH.stop - 1} characters"
    if has_ignorable(name):
        yield "must not have invisible characters"
    if name.endswith((".", "-")):  # a mention ends before these (`markup.py`)
        yield "must not end with `.` or `-`"
    name = name.translate(_SARA_AM)
    scripts = [_scripts_of(character) for character in name]
    if strange := next((character for character, found in zip(name, scripts, strict=True) if not found), None):
        yield f"must not have the character {strange} (U+{ord(strange):04X}): use everyday letters and digits"
        return
    if not any(unicodedata.category(character)[0] in "LN" for character in name):
        yield "must have a letter or a digit"
    if not _one_writing_system(scripts):
        yield "must not mix letters of different scripts"
    if len({_zero(c) for c in name if unicodedata.category(c) == "Nd"}) > 1:
        yield "must not mix digits of different scripts"
    yield from _faults_of_marks(unicodedata.normalize("NFD", name))


def _faults_of_marks(name: str) -> Iterator[str]:
    base, run = "", 0
    for before, character in itertools.pairwise(" " + name):
        if unicodedata.category(character)[0] != "M":
            base, run = character, 0
            continue
        run += 1
        if not base or unicodedata.category(base)[0] not in "LN":
            yield "must not have accents without a letter"
        if run > _MAX_MARKS or (character == before and unicodedata.category(character) in ("Mn", "Me")):
            yield f"must not have more than {_MAX_MARKS} accents on a letter, or one of them twice"
        if character == _DOT_ABOVE and base in _soft_dotted():
            yield f"must not have a dot on {base}, which is invisible"


def _one_writing_system(scripts: Sequence[frozenset[str]]) -> bool:
    """Whether some script or writing system has all characters, or one of East Asia together with Latin: the
    restriction level "highly restrictive"."""
    telling = [_writing_systems(found) for found in scripts if not found & _ANY_SCRIPT]
    if not telling or frozenset.intersection(*telling):
        return True
    others = [found for found in telling if "Latn" not in found]
    return bool(others and frozenset.intersection(*others) & _WITH_LATIN)


@lru_cache(maxsize=256)
def _writing_systems(scripts: frozenset[str]) -> frozenset[str]:
    return scripts.union(*(_WRITING_SYSTEMS.get(script, ()) for script in scripts))


def _zero(digit: str) -> int:
    """The zero of the digits to which this one belongs."""
    return ord(digit) - unicodedata.decimal(digit)


def _scripts_of(character: str) -> frozenset[str]:
    """The scripts in which identifiers may have this character: none when Unicode advises against it."""
    code, (firsts, entries) = ord(character), _scripts()
    at = bisect_right(firsts, code) - 1
    last, scripts = entries[at]
    return scripts if at >= 0 and code <= last else frozenset()


@cache
def _scripts() -> tuple[list[int], list[tuple[int, frozenset[str]]]]:
    """Where ranges of characters begin; where they end, and their scripts."""
    found: list[tuple[int, int, frozenset[str]]] = []
    for entry in SCRIPTS.split(";"):
        names, _, ranges = entry.strip().partition(":")
        found += [(*ends, frozenset(names.split("+"))) for ends in code_ranges(ranges)]
    found.sort(key=itemgetter(0))
    return [first for first, _, _ in found], [(last, scripts) for _, last, scripts in found]


@cache
def _soft_dotted() -> frozenset[str]:
    """Letters on which a dot above is not seen, and `ı`, `ȷ` and `l`, which look like one of them with it."""
    return frozenset("ıȷl") | {
        chr(code) for first, last in code_ranges(SOFT_DOTTED.replace(";", "")) for code in range(first, last + 1)
    }


class ReservedNames:
    """Usernames that cannot be registered, including case variants and lookalikes."""

    def __init__(self, names: Iterable[str]) -> None:
        self._folded: frozenset[str] = frozenset(map(fold, names))
        cased = (form(name) for name in self._folded for form in (str.lower, str.upper, str.title))
        self._skeletons = frozenset(map(skeleton, cased))

    def __contains__(self, name: str) -> bool:
        return fold(name) in self._folded or skeleton(name) in self._skeletons
