"""What text may be: no NUL, no control or surrogate characters, bounded; invisible padding is cut off."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

_LAYOUT = frozenset("\n\t")


def _forbidden(character: str, allowed: frozenset[str]) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") and character not in allowed


def single_line(text: str) -> str:
    """`text`, or ValueError when it has control characters (line breaks are some)."""
    if any(_forbidden(c, frozenset()) for c in text):
        raise ValueError("must not contain control characters or line breaks")
    return text


def multi_line(text: str) -> str:
    """`text` with plain line breaks, or ValueError when it has other control characters than those and tabs."""
    text = text.replace("\r\n", "\n")
    if any(_forbidden(c, _LAYOUT) for c in text):
        raise ValueError("must not contain control characters")
    return text


def fold(name: str) -> str:
    """The form in which names are compared: two that look alike but for case are one."""
    return unicodedata.normalize("NFKC", name).casefold()


_stripped = StringConstraints(strip_whitespace=True)
Line = Annotated[str, _stripped, AfterValidator(single_line)]
Prose = Annotated[str, _stripped, AfterValidator(multi_line)]
