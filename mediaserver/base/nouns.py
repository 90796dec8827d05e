"""Names of things in sentences: with their article, and several of them."""

import re
from typing import Final

_VOWELS: Final = "aeiou"
_SOUNDED: Final = re.compile(r"us|uni|eu|one\b")
"""Written with a vowel, spoken with a consonant."""


def words(name: str) -> str:
    """`VideoClip` and `video_clip` are a video clip."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_|-", " ", name).lower()


def with_article(noun: str) -> str:
    vowel = noun[:1].lower() in _VOWELS and not _SOUNDED.match(noun.lower())
    return f"{'an' if vowel else 'a'} {noun}"


def plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in _VOWELS:
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def singular(noun: str) -> str:
    """Of what `plural` gives; what is none stays."""
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun
