"""Words of a text and what `$text` asks of them, as MongoDB reads both for the language "none".

A word is a run of letters, digits, marks and underscores, compared without case and accents (NFKD, casefold, no
combining marks); its first 100 characters count. Differences from MongoDB: words end at every other character,
where MongoDB ends them at punctuation and white space only; a quoted phrase is found as whole words next to each
other in one string, where MongoDB looks for its characters.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mediaserver.store.embedded.errors import BAD_VALUE, CommandError, Document
from mediaserver.store.embedded.paths import Path, leaves

Words = tuple[str, ...]

_WORD_LENGTH = 100
_ASCII_WORDS = re.compile(r"\w+", re.ASCII)
_PARTS = re.compile(r'\s+|[-"]|[^\s"-]+')
_OPTIONS = {"$search", "$language", "$caseSensitive", "$diacriticSensitive"}


class _Folding(dict[int, str | None]):
    """What becomes of a character of a decomposed text: itself, nothing (an accent), or a gap between words."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        kept: str | None = character
        if unicodedata.combining(character):
            kept = None
        elif not (character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"):
            kept = " "
        self[code] = kept
        return kept


_FOLDING = _Folding()


def words(text: str) -> list[str]:
    """The words of a text in their order, folded."""
    if text.isascii():
        found = _ASCII_WORDS.findall(text.lower())
    else:
        found = unicodedata.normalize("NFKD", text).casefold().translate(_FOLDING).split()
    return [word[:_WORD_LENGTH] for word in found]


def texts(document: Document, paths: Sequence[Path]) -> Iterator[str]:
    """The strings at the paths, also those in arrays there."""
    for path in paths:
        for leaf in leaves(document, path):
            for value in leaf if isinstance(leaf, list) else (leaf,):
                if isinstance(value, str):
                    yield value


@dataclass(slots=True)
class Search:
    """A checked `$text`. A document matches that has one of `terms`, all phrases and nothing excluded.

    `paths` are the fields of the collection's text index; without them it cannot be asked.
    """

    terms: frozenset[str]
    phrases: frozenset[Words]
    excluded: frozenset[str]
    excluded_phrases: frozenset[Words]
    paths: tuple[Path, ...] | None = None

    @property
    def required(self) -> frozenset[str]:
        """The words of the phrases."""
        return frozenset(word for phrase in self.phrases for word in phrase)

    @property
    def only_words(self) -> bool:
        """Whether knowing which words a document has is enough."""
        return not self.excluded and not self.excluded_phrases and all(len(item) == 1 for item in self.phrases)

    def matches(self, document: Document) -> bool:
        if self.paths is None:
            raise CommandError(27, "text index required for $text query")
        found = [words(text) for text in texts(document, self.paths)]
        present = {word for text in found for word in text}
        if self.excluded & present or not self.terms & present:
            return False
        return all(_has(found, phrase) for phrase in self.phrases) and not any(
            _has(found, phrase) for phrase in self.excluded_phrases
        )


def _has(found: list[list[str]], phrase: Words) -> bool:
    length = len(phrase)
    return any(tuple(text[at : at + length]) == phrase for text in found for at in range(len(text) - length + 1))


def parse_search(operand: Any) -> Search:
    """Check the operand of `$text`."""
    if not isinstance(operand, dict):
        raise CommandError(BAD_VALUE, "$text expects an object")
    if unknown := set(operand) - _OPTIONS:
        raise CommandError(BAD_VALUE, f"$text does not know {', '.join(sorted(unknown))}")
    source = operand.get("$search")
    if not isinstance(source, str):
        raise CommandError(14, "$search needs a string")
    if operand.get("$language", "none") != "none":
        raise CommandError(
            BAD_VALUE, f"unsupported language: {operand['$language']!r}; only 'none' is known here"
        )
    for option in ("$caseSensitive", "$diacriticSensitive"):
        if operand.get(option, False) is not False:
            raise CommandError(115, f"{option} searches are not supported")
    return _read(source)


def _read(source: str) -> Search:
    """`-` before a word or phrase excludes it, until the next white space; quotes make phrases.

    Follows MongoDB's parser: an unclosed quote makes no phrase, and its words are plain terms.
    """
    terms, excluded, phrases, excluded_phrases = list[str](), list[str](), set[Words](), set[Words]()
    negated, after_space, quoted_from = False, True, None
    for part in _PARTS.finditer(source):
        piece = part.group()
        if piece.isspace():
            after_space = True
            continue
        if piece == "-":
            negated = negated if quoted_from is not None or not after_space else True
        elif piece == '"' and quoted_from is not None:
            phrase = tuple(words(source[quoted_from : part.start()]))
            if phrase:
                (excluded_phrases if negated else phrases).add(phrase)
            quoted_from = None
        elif piece == '"':
            negated, quoted_from = negated and not after_space, part.end()
        elif quoted_from is None or not negated:
            negated = negated and not after_space
            (excluded if negated else terms).extend(words(piece))
        after_space = False
    return Search(frozenset(terms), frozenset(phrases), frozenset(excluded), frozenset(excluded_phrases))
