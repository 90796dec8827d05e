"""The tables of characters and the rules that use them agree with Unicode's own implementation, ICU.

ICU comes with Debian's python3-icu, which belongs to Debian's interpreter: it answers from a process of its own.
"""

import json
import subprocess
import unicodedata
from typing import Any

import pytest

from mediaserver.domain.accounts.usernames import fault
from mediaserver.domain.text.lookalikes import skeleton
from mediaserver.domain.text.text import has_ignorable, without_ignorable
from mediaserver.domain.text.unicode_tables import UNICODE_VERSION
from tests.domain.generate_unicode_tables import SYSTEM_PYTHON, TABLES, text

pytestmark = pytest.mark.slow

_ASK = r"""
import icu, json, sys
checker = icu.SpoofChecker()
sets = checker.getRecommendedUnicodeSet(), checker.getInclusionUnicodeSet()
allowed = icu.UnicodeSet()
for one in sets:
    allowed.addAll(one)
checker.setAllowedUnicodeSet(allowed)
checker.setRestrictionLevel(icu.URestrictionLevel.HIGHLY_RESTRICTIVE)
checks = icu.USpoofChecks.RESTRICTION_LEVEL | icu.USpoofChecks.CHAR_LIMIT | icu.USpoofChecks.MIXED_NUMBERS
checker.setChecks(checks | icu.USpoofChecks.INVISIBLE)
names = json.load(sys.stdin)
skeletons = [checker.getSkeleton(0, name) for name in names]
print(json.dumps({
    "skeletons": skeletons,
    "fails": [bool(checker.check(name)) for name in names],
    "ignorable": [any(icu.Char.hasBinaryProperty(c, icu.UProperty.DEFAULT_IGNORABLE_CODE_POINT) for c in name)
                  for name in names],
}))
"""


def icu(names: list[str]) -> dict[str, list[Any]]:
    done = subprocess.run(
        [SYSTEM_PYTHON, "-c", _ASK], input=json.dumps(names), capture_output=True, text=True, check=True
    )
    answers: dict[str, list[Any]] = json.loads(done.stdout)
    return answers


CHARACTERS = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code))[0] in "LMN"]
"""All that this interpreter knows: its Unicode may be older than that of the tables."""


def test_the_tables_are_what_their_generator_writes() -> None:
    assert TABLES.read_text("utf-8") == text()


def test_the_version_of_unicode_is_known() -> None:
    assert UNICODE_VERSION == "15.0" and unicodedata.unidata_version >= "14"


def test_skeletons_are_those_of_icu() -> None:
    """But that characters which may be ignored are ignored, as newer versions of UTS #39 have it."""
    answers = icu(CHARACTERS)
    for character, theirs in zip(CHARACTERS, answers["skeletons"], strict=True):
        expected = unicodedata.normalize("NFD", without_ignorable(theirs)).casefold()
        if not has_ignorable(unicodedata.normalize("NFD", character)):
            assert skeleton(character) == expected, f"U+{ord(character):04X}"


def test_ignorable_characters_are_those_of_icu() -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    answers = icu(characters)
    differing = [
        c for c, theirs in zip(characters, answers["ignorable"], strict=True) if has_ignorable(c) != theirs
    ]
    assert differing == []


def test_names_of_one_or_two_scripts_are_judged_as_by_icu() -> None:
    """Each pair of characters from all scripts, once beside Latin and once alone."""
    samples = "aéßıЖѕΛאبܐިहবਗગଓதతಕമගกລབမაአᎠᐁកᠠあア漢ㄅ한1٣۳१๑_.-ˈꙮⴰꓐꦀ"
    names = [f"{one}{other}{tail}" for one in samples for other in samples for tail in ("x7", "")]
    names = [name for name in names if unicodedata.category(name[0])[0] in "LN"]
    ours = [(fault(name + "__"[: max(0, 3 - len(name))]) is not None) for name in names]
    answers = icu([unicodedata.normalize("NFC", name) for name in names])
    marks = [any(unicodedata.category(c)[0] == "M" for c in name) for name in names]
    differing = [
        name
        for name, mine, theirs, marked in zip(names, ours, answers["fails"], marks, strict=True)
        if mine != theirs and not marked
    ]
    assert differing == []
