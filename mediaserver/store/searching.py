"""What people type into a search field, made a filter: documents in which every word occurs.

No character of theirs is an operator: words are cut out and quoted, everything else separates them.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from mediaserver.domain.text import normalized

MOST_WORDS = 20
LONGEST_WORD = 100
NOTHING: Mapping[str, Any] = {"_id": {"$in": []}}


def search_filter(words: str, has_text: bool, fields: Sequence[str]) -> Mapping[str, Any]:
    """By the collection's text index, or without one by reading: parts of words are found then, accents matter.

    The first 20 words count. Without a word nothing matches. `fields` are stored names, as in the text index.
    """
    wanted = _words(words)
    if not wanted:
        return NOTHING
    if has_text:
        return {"$text": {"$search": " ".join(f'"{word}"' for word in wanted)}}
    patterns = ({"$regex": re.escape(word), "$options": "i"} for word in wanted)
    return {"$and": [{"$or": [{field: pattern} for field in fields]} for pattern in patterns]}


def _words(text: str) -> list[str]:
    """Runs of letters, digits, marks and underscores, each once."""
    composed = normalized("NFC", text[: MOST_WORDS * (LONGEST_WORD + 1) * 4])
    separated = "".join(character if _belongs_to_words(character) else " " for character in composed)
    distinct = {word.casefold(): word[:LONGEST_WORD] for word in reversed(separated.split())}
    return list(reversed(distinct.values()))[:MOST_WORDS]


def _belongs_to_words(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"
