"""Regular expressions that every generator and validator interprets alike.

JSON Schema prescribes ECMAScript's dialect without its `u` flag, and Python clients match with `re`. Neither
supports `\\p{L}`, and without the flag a character beyond U+FFFF counts as two. The OpenAPI document therefore
omits what such a pattern says about characters beyond ASCII: the portable pattern accepts everything that the
original accepts, and more, which the server then refuses.
"""

import re
import string
from functools import cache
from typing import Final

_CLASS: Final = re.compile(
    r"(?P<set>\[\^?(?:\\.|[^\]\\])+\]|\\[pP]\{[^}]+\})(?P<count>\{[0-9]+,?[0-9]*\})?|\\.", re.DOTALL
)
_PROPERTY: Final = re.compile(r"\\[pP]\{(\^?)([^}]+)\}")
_BEYOND: Final = re.compile(r"\\u\{[0-9a-fA-F]+\}|[\U00010000-\U0010ffff]")
_ASCII: Final = [chr(code) for code in range(0x21, 0x7F)]
_NEVER: Final = r"\u0080-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Control and space characters beyond ASCII, which no positive class here contains."""
_IN_ASCII: Final = {"L": string.ascii_letters, "N": string.digits, "M": "", "Z": " ", "C": ""}
"""The ASCII characters of Unicode's general categories, by their first letter."""


@cache
def portable(pattern: str) -> str:
    """Return the pattern if every engine supports it, otherwise one that accepts everything it accepts."""
    if _PROPERTY.search(pattern) or _BEYOND.search(pattern):
        pattern = _CLASS.sub(_portable_part, pattern)
    return "".join(one if one.isascii() else f"\\u{ord(one):04x}" for one in pattern)


def _portable_part(found: re.Match[str]) -> str:
    """Remove the upper bound of a counted class, which would count UTF-16 units without the `u` flag."""
    part = found["set"]
    if part is None or not (_PROPERTY.search(part) or _BEYOND.search(part)):
        return found[0]
    plain = part if part.startswith("[") else f"[{part}]"
    least = re.match(r"\{([0-9]+)", found["count"] or "")
    count = "" if not least else "+" if least[1] == "1" else f"{{{least[1]},}}"
    if plain.startswith("[^"):
        rest = _without_properties(plain[2:-1])
        return (f"[^{rest}]" if rest else r"[\s\S]") + count
    members = _ascii_members(plain[1:-1])
    return f"[^{_others(members)}]" + count


def _without_properties(inside: str) -> str:
    return _BEYOND.sub("", _PROPERTY.sub("", inside))


def _ascii_members(inside: str) -> set[str]:
    """Return the visible ASCII characters of a class."""
    named = (_IN_ASCII.get(found[2][0], string.printable) for found in _PROPERTY.finditer(inside))
    rest = _without_properties(inside)
    return set("".join(named)) | {c for c in _ASCII if rest and re.fullmatch(f"[{rest}]", c)}


def _others(members: set[str]) -> str:
    """Return, as ranges, what is certainly not in the class: other ASCII characters, controls and spaces."""
    codes = [code for code in range(0x80) if chr(code) not in members]
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    ascii_ranges = "".join(
        f"\\u{first:04x}" if first == last else f"\\u{first:04x}-\\u{last:04x}" for first, last in ranges
    )
    return ascii_ranges + _NEVER
