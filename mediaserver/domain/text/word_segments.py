"""Cut text into the words by which it is searched, folded so that spelling variants compare equal.

Folding ignores case, width (NFKC), invisible characters and, per script, what people leave out when they type:

- Latin, Greek: accents; also `ø` `ł` `đ` `æ` `ß` `ı`, which have no decomposition. `å` compares equal to `a`.
- Cyrillic: stress marks, and `ё` equals `е`; `й`, `ї` and `ў` are letters of their own and stay.
- Hebrew, Arabic: vowel points, tatweel, hamza carriers; Persian `ک` and `ی` equal the Arabic letters.
- Kana: katakana equals hiragana; voicing marks stay. Devanagari: the nukta is left out, vowel signs stay.

Words are those of UAX #29, with two differences. Scripts written without spaces (Han, kana, Thai, Lao, Khmer,
Myanmar) give runs, which callers cut into bigrams. Parts joined by `-`, `'`, `.`, `_`, `@` or U+200C are one word
that also knows its parts (`e-mail`, `ada.lovelace`, `نرم‌افزار`).
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from mediaserver.domain.text.text import normalized

LONGEST_WORD: Final = 40
"""Characters of a word that count."""
_WORDS_OF_A_LINK: Final = 8
_PIECE: Final = 500
_BETWEEN_WORDS: Final = " \n,;!?、。，；！？"

_RUN: Final = (
    "\u0e00-\u0eff"  # Thai and Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # kana
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_SYMBOL: Final = "\u231a-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
"""Emoji: each is a word."""
_JOINER: Final = "-'._@\u200c"
_GAP: Final = "\u200b\u200c"
"""Invisible: between the words of a run, which are found with and without them."""
_WORD_MARKS: Final = (
    (0x0780, 0x07C0), (0x0900, 0x0E00), (0x0F00, 0x1000), (0x1200, 0x1780), (0x1800, 0x1CFF), (0xA800, 0xA9E0),
    (0xAA00, 0xAA60), (0xAA80, 0xAC00), (0x11000, 0x12000), (0x1E000, 0x1E9FF),
)  # fmt: skip
"""Where scripts lie whose marks are part of the spelling."""

_OWN_LETTERS: Final = {
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i",
    "ĸ": "k", "ŋ": "n", "ə": "a",
    "ё": "е", "ѐ": "е", "ѝ": "и",
    "ک": "ك", "ی": "ي", "ى": "ي", "ہ": "ه", "ە": "ه",
    "\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u05f3": "'", "\u05f4": '"',
    "\u2010": "-", "\u2011": "-",
}  # fmt: skip
_LEFT_OUT: Final = (
    (0x0300, 0x036F), (0x0483, 0x0489), (0x0591, 0x05BD), (0x05BF, 0x05C7), (0x0610, 0x061A), (0x0640, 0x0640),
    (0x064B, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06DC), (0x06DF, 0x06E8), (0x06EA, 0x06ED), (0x08D3, 0x08FF),
    (0x093C, 0x093C), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE00, 0xFE0F), (0xFE20, 0xFE2F),
    (0x1F3FB, 0x1F3FF), (0xE0000, 0xE01EF),
)  # fmt: skip
"""Accents and points, tatweel, variation selectors, skin tones, tags."""
_ACCENTED: Final = ("LATIN ", "GREEK ", "ARABIC ", "HEBREW ")


class _Folding(dict[int, str]):
    """What each character of a composed, casefolded text becomes."""

    def __missing__(self, code: int) -> str:
        kept = self[code] = self._fold(code)
        return kept

    def _fold(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if character in _GAP:
            return character
        if category in ("Cf", "Cs", "Cn", "Co") or any(low <= code <= high for low, high in _LEFT_OUT):
            return ""
        if category == "Nd":
            return str(unicodedata.digit(character))
        if 0x30A1 <= code <= 0x30F6 or 0x30FD <= code <= 0x30FE:
            return chr(code - 0x60)  # katakana to hiragana
        if character in _OWN_LETTERS:
            return _OWN_LETTERS[character]
        if category[0] == "L" and unicodedata.name(character, "").startswith(_ACCENTED):
            return "".join(_OWN_LETTERS.get(c, c) for c in _bare(character))
        return character


def _bare(letter: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", letter) if not unicodedata.combining(c))


_FOLDING: Final = _Folding()


def _marks() -> str:
    codes = (code for begin, end in _WORD_MARKS for code in range(begin, end))
    return "".join(chr(code) for code in codes if unicodedata.category(chr(code))[0] == "M")


_LETTERS: Final = rf"(?>(?>[^\W_{_RUN}{_SYMBOL}]++|[{_marks()}]++)++)"
_TOKEN: Final = re.compile(
    rf"https?://(?P<link>[^\s<>\"]++)"
    rf"|(?P<language>(?<![\w])[a-z](?:\+\+|#)(?![a-z_]))"
    rf"|(?P<word>{_LETTERS}(?:[{_JOINER}]{_LETTERS})*+)"
    rf"|(?P<run>[{_RUN}](?>[{_RUN}{_GAP}]*+))"
    rf"|(?P<symbol>[{_SYMBOL}]++)"
)
_SEPARATORS: Final = re.compile(rf"[{_JOINER}]")
_UNWRITTEN: Final = str.maketrans("", "", "-'\u200c")
_GAPS: Final = str.maketrans("", "", _GAP)
_ABBREVIATION: Final = re.compile(r"[^\W\d_](?:\.[^\W\d_])+")
_QUOTES_WITHIN_HEBREW: Final = re.compile(r"(?<=[א-ת])[\"'](?=[א-ת])")


@dataclass(frozen=True, slots=True)
class Segment:
    """A word, a run of a script without spaces, or a symbol; folded, at most `LONGEST_WORD` characters of a word.

    `parts` are those of a word that is joined of several.
    """

    kind: Literal["word", "run", "symbol"]
    text: str
    parts: tuple[str, ...] = ()


def fold_for_search(text: str) -> str:
    """`text` in the form in which words are compared, in linear time."""
    if text.isascii():
        return text.lower()
    folded = normalized("NFKC", text).casefold()
    # Casefolding takes some letters apart (İ); together they are one entry of the table.
    return _QUOTES_WITHIN_HEBREW.sub("", normalized("NFKC", folded).translate(_FOLDING))


def segments(text: str) -> Iterator[Segment]:
    """The words of a text in their order, repetitions included."""
    for found in _TOKEN.finditer(fold_for_search(text)):
        yield from _segments(found)


def distinct_segments(text: str, longest: int) -> Iterator[Segment]:
    """The words of a text in their order, each spelling once, within its first `longest` folded characters."""
    seen: set[str] = set()
    for piece in _pieces(text):
        folded = fold_for_search(piece)[:longest]
        longest -= max(len(piece), len(folded))
        for found in _TOKEN.finditer(folded):
            if (token := found.group()) not in seen:
                seen.add(token)
                yield from _segments(found)
        if longest <= 0:
            return


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces, cut between words where that can be seen, so that nobody folds more than is needed."""
    begin = 0
    while begin < len(text):
        end = begin + _PIECE
        if end < len(text):
            gap = max(text.rfind(character, begin + 1, end) for character in _BETWEEN_WORDS)
            end = gap if gap > 0 else end
        yield text[begin:end]
        begin = end


def _segments(found: re.Match[str]) -> Iterator[Segment]:
    kind, token = found.lastgroup, found.group(found.lastgroup or 0)
    if kind == "word":
        yield _word(token)
    elif kind == "run":
        yield Segment("run", token.translate(_GAPS))
    elif kind == "language":
        yield Segment("word", token, (token[0],))
    elif kind == "symbol":
        yield from (Segment("symbol", symbol) for symbol in dict.fromkeys(token))
    else:
        yield from _link(token)


def _word(token: str) -> Segment:
    token = token.removesuffix("'s")
    if token.isalnum():
        return Segment("word", token[:LONGEST_WORD])
    parts = tuple(part[:LONGEST_WORD] for part in _SEPARATORS.split(token))
    joined = token.translate(_UNWRITTEN)
    if _ABBREVIATION.fullmatch(joined):
        joined = joined.replace(".", "")  # U.S.A.
    return Segment("word", joined[:LONGEST_WORD], parts if len(parts) > 1 else ())


def _link(address: str) -> Iterator[Segment]:
    """Of a link the host and the first words: long ones are identifiers that nobody types."""
    for found in islice(_TOKEN.finditer(address), _WORDS_OF_A_LINK):
        yield from _segments(found)
