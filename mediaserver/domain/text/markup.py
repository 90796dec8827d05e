"""What a text holds for machines: @mentions of people and #hashtags.

`web/app/markup.js` finds the same in the same way; tests/web/markup_examples.json has examples for both. A text
is read in pieces between spaces, quotation marks and the like. Web addresses have no mentions and hashtags.
"""

import re
import string
import unicodedata
from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from mediaserver.base.faults import form
from mediaserver.domain.text.text import WORD, fold, without_ignorable

MAX_MENTIONS: Final = 20
MAX_HASHTAGS: Final = 30
"""Of one text; what comes after these is text and nothing more."""
_NAME: Final = range(3, 33)
"""How long a username is."""
_MAX_TAG: Final = 60
_MAX_TYPED: Final = 1000
"""Characters of a name or a tag as typed: folding makes few of them, or none, of several."""
_AT: Final = "@＠﹫"
_HASH: Final = "#＃﹟"
_MEDIAL_PATTERN: Final = r"\u200c\u200d\u00b7\u0387\u30fb\uff65\u301c\uff5e"
_MEDIAL: Final = _MEDIAL_PATTERN.encode().decode("unicode_escape")
"""Joiners (ZWNJ, ZWJ), middle dots and wave dashes: inside a hashtag, not at its ends (UAX #31, medial)."""
_JOINERS: Final = "\u200c\u200d"
_ZERO: Final = "〇"
"""A numeral of Chinese and Japanese that Unicode counts neither among the letters nor among the digits."""
_FILLERS: Final = "\u115f\u1160\u3164\uffa0"
"""Letters by their category, but nothing to be seen."""
_NOT_BEFORE: Final = "&/.-=\\"
"""No sign begins a name or a tag after these, after a letter or after another sign."""
_PIECE: Final = re.compile(r"[^\s\ufeff<>\"“”„«»「」『』（）《》、。，；！？]+")
_DOMAIN: Final = re.compile(r"[Ww]{3}\.|[^/?#@＠﹫＃﹟:.]+\.[^/?#@＠﹫＃﹟:]+(?::[0-9]+)?/")
_SCHEME: Final = frozenset(string.ascii_letters + string.digits + "+.-")
_AT_SIGN: Final = re.compile(f"[{_AT}]")
_HASH_SIGN: Final = re.compile(f"[{_HASH}]")
_WAVE_DASHES: Final = str.maketrans("\uff5e", "\u301c")


def mentioned_names(text: str) -> list[tuple[str, ...]]:
    """For each mention the folded names that it may mean, the likelier first: a full stop after a name is hardly
    part of it, but may be."""
    found: dict[tuple[str, ...], None] = {}
    for word, after in dict.fromkeys(_words(text, _AT_SIGN, ".-")):
        if after in _AT:
            continue  # somebody of another server: @ada@example.org
        if len(found) == MAX_MENTIONS:
            break
        folded = fold(word)
        names = tuple(name for name in dict.fromkeys((folded.rstrip(".-"), folded)) if len(name) in _NAME)
        if names:
            found[names] = None
    return list(found)


def hashtags(text: str) -> list[str]:
    """Folded, each once, in the order of the text. Numbers alone (#1) are none."""
    found: dict[str, None] = {}
    for word in dict.fromkeys(word for word, _ in _words(text, _HASH_SIGN, _MEDIAL)):
        if len(found) == MAX_HASHTAGS:
            break
        tag = _tag_key(word)
        if 0 < len(tag) <= _MAX_TAG and not all(one.isdigit() or one in _MEDIAL for one in tag):
            found[tag] = None
    return list(found)


def _tag_key(tag: str) -> str:
    """How a hashtag is stored and looked for: folded, without invisible characters but joiners between letters.

    Both wave dashes are one, because which of them a keyboard has depends on the system.
    """
    parts = re.split(f"([{_JOINERS}])", fold(tag.translate(_WAVE_DASHES)))
    folded = "".join(part if part in _JOINERS else without_ignorable(part) for part in parts)
    end = next((at for at, one in enumerate(folded) if not (_in_word(one) or one in _MEDIAL)), len(folded))
    return folded[:end].strip(_MEDIAL).replace("\u301c", "\uff5e")


Hashtag = Annotated[
    str,
    form(
        rf"^[{_HASH}]?[{WORD}{_ZERO}{_MEDIAL_PATTERN}]{{1,60}}$",
        "must be one hashtag: at most 60 letters, digits and `_`, joined by `·` or `～` at most",
    ),
    AfterValidator(lambda tag: _tag_key(tag.lstrip(_HASH))),
    Field(examples=["algebra"]),
]
"""As it is stored and looked for: folded, without its sign."""


def _words(text: str, signs: re.Pattern[str], joining: str) -> Iterator[tuple[str, str]]:
    """The words that follow a sign at the beginning of a word: not `ada@example.org` nor `/page#top`; and what
    comes after each. `joining` are further characters of a word, with which it does not begin.
    """
    for piece in _PIECE.finditer(text):
        part = piece.group()
        part = f" {part[: _address_begin(part)]} "
        end = 0
        for sign in signs.finditer(part):
            if sign.start() < end or not _may_follow(part[sign.start() - 1]):
                continue
            begin = end = sign.end()
            while _in_word(part[end]) or part[end] in joining:
                end += 1
            if end - begin <= _MAX_TYPED and _may_begin(part[begin]):
                yield part[begin:end], part[end]


def _address_begin(piece: str) -> int:
    """Where a piece of text becomes a web address: at its scheme or its domain; its end when there is none."""
    end = begin = piece.find("://")
    while begin > 0 and piece[begin - 1] in _SCHEME:
        begin -= 1
    if begin < end:
        return begin
    return 0 if _DOMAIN.match(piece) else len(piece)


def _may_follow(before: str) -> bool:
    return not (_in_word(before) or before in _AT + _HASH + _NOT_BEFORE)


def _may_begin(character: str) -> bool:
    """Whether a name or a tag may: not with an accent, which belongs to the sign, as in the emoji of a key."""
    return _in_word(character) and unicodedata.category(character)[0] != "M"


def _in_word(character: str) -> bool:
    """Of what usernames and hashtags are made."""
    category = unicodedata.category(character)
    if character in _FILLERS:
        return False
    return category[0] in "LM" or category == "Nd" or character in "_〇"
