"""What a text holds for machines: @mentions of people and #hashtags."""

import unicodedata
from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from mediaserver.base.faults import form
from mediaserver.domain.text import WORD, fold

MAX_MENTIONS: Final = 20
MAX_HASHTAGS: Final = 30
"""Of one text; what comes after these is text and nothing more."""
_NAME: Final = range(3, 33)
"""How long a username is."""
_MAX_TAG: Final = 60


def mentioned_names(text: str) -> list[tuple[str, ...]]:
    """For each mention the folded names that it may mean, the likelier first: a full stop after a name is hardly
    part of it, but may be."""
    found: dict[tuple[str, ...], None] = {}
    for word in _words(text, "@", ".-"):
        names = tuple(name for name in dict.fromkeys((word.rstrip(".-"), word)) if len(name) in _NAME)
        if names:
            found[names] = None
    return list(found)[:MAX_MENTIONS]


def hashtags(text: str) -> list[str]:
    """Folded, each once, in the order of the text. Numbers alone (#1) are none."""
    tags = dict.fromkeys(tag for tag in _words(text, "#", "") if len(tag) <= _MAX_TAG and not tag.isdigit())
    return list(tags)[:MAX_HASHTAGS]


Hashtag = Annotated[
    str,
    form(rf"^#?[{WORD}]{{1,60}}$", "must be one hashtag: at most 60 letters, digits and `_`"),
    AfterValidator(lambda tag: fold(tag.removeprefix("#"))),
    Field(examples=["algebra"]),
]
"""As it is stored and looked for: folded, without its sign."""


def _words(text: str, sign: str, more: str) -> Iterator[str]:
    """The folded words that follow a sign at the beginning of a word: not `ada@example.org` nor `/page#top`."""
    folded = f" {fold(text)} "
    at = folded.find(sign)
    while at >= 0:
        begin = end = at + 1
        while _in_word(folded[end]) or folded[end] in more:
            end += 1
        before = folded[at - 1]
        if end > begin and folded[begin] not in more and not (_in_word(before) or before in "@#&/.-"):
            yield folded[begin:end]
        at = folded.find(sign, end)


def _in_word(character: str) -> bool:
    """Of what usernames and hashtags are made."""
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd" or character == "_"
