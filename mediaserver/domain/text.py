"""What text may be: no NUL, no control or surrogate characters, bounded; invisible padding is cut off."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

# Unicode's categories Cc and Cs. A search, because texts are checked each time that they are read.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL_BUT_LAYOUT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def single_line(text: str) -> str:
    """`text`, or ValueError when it has control characters (line breaks are some)."""
    if _CONTROL.search(text):
        raise ValueError("must not contain control characters or line breaks")
    return text


def multi_line(text: str) -> str:
    """`text` with plain line breaks, or ValueError when it has other control characters than those and tabs."""
    text = text.replace("\r\n", "\n")
    if _CONTROL_BUT_LAYOUT.search(text):
        raise ValueError("must not contain control characters")
    return text


def fold(name: str) -> str:
    """The form in which names are compared: two that look alike but for case are one."""
    return unicodedata.normalize("NFKC", name).casefold()


_stripped = StringConstraints(strip_whitespace=True)
Line = Annotated[str, _stripped, AfterValidator(single_line)]
Prose = Annotated[str, _stripped, AfterValidator(multi_line)]
