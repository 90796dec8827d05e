"""What text may be: no NUL, no control or surrogate characters, bounded. Spaces around it are cut off, and text
of which nothing can be seen is empty text.

The patterns say the same in JSON Schema, for those who read the API's description. They have ranges instead of
Unicode's properties: every engine understands these. Invisible characters beyond U+FFFF are left out, because
engines disagree on how long they are: there the checks are stricter than the patterns.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema

from mediaserver.base.faults import form

_RUN_OF_MARKS = re.compile(rb"[^\0]{30}(?=[^\0])", re.DOTALL)
_JOINER = "\u034f"
# Unicode's categories Cc and Cs. A search, because texts are checked each time that they are read.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL_BUT_LAYOUT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
CONTROL = r"\u0000-\u001f\u007f-\u009f"
"""Unicode's Cc, within a character class."""
SPACE = r"\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Unicode's Z, within a character class."""
_IGNORABLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
)
"""Unicode's Default_Ignorable_Code_Point up to U+FFFF: joiners, marks of direction, variation selectors and
fillers."""
_IGNORABLE_BEYOND = r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
_BLANK = r"\u2800\ufff9-\ufffb"
"""What fonts draw as nothing though Unicode does not call it ignorable: the braille pattern without dots, the
signs around annotations."""
_BLANK_BEYOND = r"\U00013430-\U00013440\U00016fe4\U0001d159"
"""Controls of Egyptian hieroglyphs, the Khitan filler, a musical note without a head."""
_IGNORED = re.compile(f"[{_IGNORABLE}{_IGNORABLE_BEYOND}]+")
_VISIBLE = re.compile(f"[^{CONTROL}{SPACE}{_IGNORABLE}{_IGNORABLE_BEYOND}{_BLANK}{_BLANK_BEYOND}]")


def single_line(text: str) -> str:
    """`text`, or ValueError when it has control characters (line breaks are some)."""
    if _CONTROL.search(text):
        raise ValueError("must not contain control characters or line breaks")
    return text


def multi_line(text: str) -> str:
    """`text` with plain line breaks, or ValueError when it has other control characters than those and tabs."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _CONTROL_BUT_LAYOUT.search(text):
        raise ValueError("must not contain control characters")
    return text


STORED: Final = {"stored": True}
"""The context of validation for documents that come from the store."""


def visible(text: str) -> bool:
    """Whether there is anything to see in it: a letter, a sign, an emoji; an accent alone is something too."""
    return _VISIBLE.search(text) is not None


def blank_is_empty(text: str, info: ValidationInfo) -> str:
    """`text`, or empty text when nothing of it can be seen. Stored text stays as it is, to remain readable."""
    return text if info.context is STORED or visible(text) else ""


def has_ignorable(text: str) -> bool:
    return _IGNORED.search(text) is not None


def without_ignorable(text: str) -> str:
    """`text` without the characters that Unicode lets programs ignore (Default_Ignorable_Code_Point)."""
    return _IGNORED.sub("", text)


def normalized(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    """`text` in a normalization form, in linear time.

    Putting a run of combining marks in order takes quadratic time: 50,000 marks more than a second. Unicode's
    stream-safe format bounds runs to 30 by putting in U+034F, which is invisible (UAX #15 section 13); no word of
    any language has that many.
    """
    if text.isascii():
        return text
    marks = bytes(map(unicodedata.combining, text))
    parts, at = [], 0
    for run in _RUN_OF_MARKS.finditer(marks):
        parts += [text[at : run.end()], _JOINER]
        at = run.end()
    return unicodedata.normalize(form, "".join([*parts, text[at:]]))


def fold(name: str) -> str:
    """The form in which names are compared: two that look alike but for case are one."""
    return normalized("NFKC", name).casefold()


@dataclass(frozen=True, slots=True)
class Kind:
    """Marks a text in JSON Schema; `text_pattern` makes a pattern of it, once its least length is known."""

    kind: Literal["line", "prose", "typed", "source"]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), KIND: self.kind}


KIND = "x-text"
WORD = r"\p{L}\p{M}\u20d0-\u20ff\p{Nd}_"
"""Letters, marks and digits of all scripts, within a character class; one block of marks as a whole, because some
engines take it for that."""
_ALLOWED = {
    "line": f"[^{CONTROL}]",
    "typed": f"[^{CONTROL}]",
    "prose": r"[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]",
}
_ALLOWED["source"] = _ALLOWED["prose"]
_PADDING = {"line": f"[{SPACE}]", "prose": rf"[{SPACE}\t\n\r]"}
_SOLID = f"[^{CONTROL}{SPACE}{_IGNORABLE}{_BLANK}]"
_UNPADDED = f"[^{CONTROL}{SPACE}]"


def text_pattern(kind: str, min_length: int = 0) -> str:
    """What a text is before its padding is cut off; `min_length` is counted after that."""
    some = _ALLOWED[kind]
    if min_length == 0 or kind == "typed":
        return f"^{some}*$"
    if min_length == 1:
        return f"^{some}*{_SOLID}{some}*$"
    pad = _PADDING[kind]
    return f"^{pad}*{_UNPADDED}{some}{{{min_length - 2},}}{_UNPADDED}{pad}*$"


_Solid = AfterValidator(blank_is_empty)
Line = Annotated[str, AfterValidator(single_line), AfterValidator(str.strip), _Solid, Kind("line")]
Prose = Annotated[str, AfterValidator(multi_line), AfterValidator(str.strip), _Solid, Kind("prose")]
Typed = Annotated[str, AfterValidator(single_line), Kind("typed")]
"""A line of which every character counts, also the invisible ones: passwords."""
Source = Annotated[str, AfterValidator(multi_line), _Solid, Kind("source")]
"""Lines of which every space counts, unless there are only spaces."""

# Letters, digits and `-` of ASCII and everything beyond U+00A0, as the complement of the rest: a range that ends
# at U+FFFF would mean something else to engines that read a character beyond it as two.
_LABEL = r"[^\u0000-,./:-@\[-`{-\u00a0]+"
WebAddress = Annotated[
    str,
    form(
        rf"^https?://{_LABEL}(\.{_LABEL})*(:[0-9]{{1,5}})?([/?#][^{CONTROL}{SPACE}]*)?$",
        "must be a link that begins with http:// or https:// and has no spaces",
        max_length=500,
    ),
]
"""A link that a page may show: never `javascript:` or another scheme that does something."""
