"""The terms under which a document is found, and what a query asks of them. Pure: every engine stores and
compares these strings, so all of them find the same.

A word gives its folded form and, where it differs, its stem, marked with `~` so that prefixes and stems do not
mix. The language of a text is not known: the script decides which stemmer is used. A run of a script without
spaces gives its overlapping bigrams and its last character, so that every single character begins some term.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, Final

import snowballstemmer

from mediaserver.domain.text.word_segments import LONGEST_WORD, Segment, distinct_segments, segments

MOST_TERMS: Final = 1000
"""Of one document: those that come first in its text."""
MOST_WORDS: Final = 20
"""Of one query, as people count them: a run of a script without spaces is one."""
_MOST_CONDITIONS: Final = 40
_LONGEST_TEXT: Final = 12_000
_LONGEST_QUERY: Final = 200
_STEM: Final = "~"
_STEMMERS: Final = (
    ("a", "z", "english"),
    ("\u0370", "\u03ff", "greek"),
    ("\u0400", "\u04ff", "russian"),
    ("\u0561", "\u0587", "armenian"),
    ("\u0621", "\u064a", "arabic"),
    ("\u0900", "\u097f", "hindi"),
    ("\u0b80", "\u0bff", "tamil"),
)
"""By the script of a word's first letter: from, to, Snowball algorithm."""
_ARABIC_ARTICLE: Final = re.compile("^(?:[وف]?[بك]?ال|[وف]?لل)(?=...)")
"""`ال` with the conjunctions and prepositions that are written together with it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a document must have for one word of a query: one of `terms`, or a term that begins with a prefix."""

    terms: tuple[str, ...]
    prefixes: tuple[str, ...] = ()


class TooManyWords(ValueError):
    """A query with more than `MOST_WORDS` words."""


def terms(texts: Iterable[str]) -> list[str]:
    """The distinct terms of some texts in their order, `MOST_TERMS` at most."""
    found: dict[str, None] = {}
    for text in texts:
        for segment in distinct_segments(text, _LONGEST_TEXT):
            for term in _terms_of(segment):
                found[term] = None
                if len(found) == MOST_TERMS:
                    return list(found)
    return list(found)


def query(text: str) -> list[Condition]:
    """What a document must have to be found by what somebody typed; nothing when that has no word.

    All but the last word are looked for whole, by their stem. The last one may be unfinished, so what begins with
    it is found too, whether or not a space follows: clients cut that off.

    Raises `TooManyWords`.
    """
    typed = list(segments(text[:_LONGEST_QUERY]))
    distinct = list(dict.fromkeys(typed))
    if len(distinct) > MOST_WORDS:
        raise TooManyWords
    unfinished = typed[-1] if typed and typed.count(typed[-1]) == 1 else None
    conditions: dict[Condition, None] = {}
    for segment in distinct:
        conditions.update(dict.fromkeys(_conditions(segment, segment == unfinished)))
    return list(conditions)[:_MOST_CONDITIONS]


def _terms_of(segment: Segment) -> Iterator[str]:
    if segment.kind == "run":
        run = segment.text
        yield from map("".join, pairwise(run))
        yield run[-1]
        return
    yield segment.text
    yield from segment.parts
    if segment.kind == "word":
        for word in (segment.text, *segment.parts):
            if (stem := stemmed(word)) != word:
                yield _STEM + stem


def _conditions(segment: Segment, is_last: bool) -> Iterator[Condition]:
    if segment.kind == "symbol":
        yield Condition((segment.text,))
    elif segment.kind == "run":
        yield from _in_run(segment.text)
    elif is_last or _is_hangul(segment.text):  # Korean particles follow their word without a space
        yield Condition(_whole(segment.text), _beginnings(segment))
    else:
        yield Condition(_whole(segment.text))


def _in_run(run: str) -> Iterator[Condition]:
    # コンピュータ and コンピューター are one word.
    run = run.rstrip("ー") or run
    if len(run) == 1:
        yield Condition((), (run,))
    for pair in pairwise(run):
        yield Condition(("".join(pair),))


def _beginnings(segment: Segment) -> tuple[str, ...]:
    """Single letters between dots may be an abbreviation, or a name of which the end is still to be typed."""
    dotted = ".".join(segment.parts)
    unfinished = len(dotted) == 2 * len(segment.text) - 1 and "".join(segment.parts) == segment.text
    return (segment.text, dotted) if segment.parts and unfinished else (segment.text,)


def _whole(word: str) -> tuple[str, ...]:
    """The terms of which one is there when a text has the word in some inflection."""
    stem = stemmed(word)
    # A word that is its own stem has no marked term; others with that stem have.
    return tuple(dict.fromkeys((word, stem, _STEM + stem))) if _stemmer_of(word) else (word,)


@lru_cache(maxsize=50_000)
def stemmed(word: str) -> str:
    """The stem of a folded word; the word itself where no stemmer knows its script, and of numbers."""
    algorithm = _stemmer_of(word)
    if algorithm is None:
        return word
    if algorithm == "arabic":
        # Snowball cuts other endings off a word with the article than off the same word without it.
        word = _ARABIC_ARTICLE.sub("", word)
    return _stemmer(algorithm).stemWord(word)[:LONGEST_WORD] or word


def _stemmer_of(word: str) -> str | None:
    if not word.isalpha() and not any(first <= word[0] <= last for first, last, _ in _STEMMERS[-2:]):
        return None
    return next((name for first, last, name in _STEMMERS if first <= word[0] <= last), None)


@cache
def _stemmer(algorithm: str) -> Any:
    return snowballstemmer.stemmer(algorithm)


def _is_hangul(word: str) -> bool:
    return "\uac00" <= word[0] <= "\ud7a3" or "\u1100" <= word[0] <= "\u11ff"
