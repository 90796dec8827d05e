"""What is wrong with a value, in words for people: one table for all that pydantic finds.

Whoever declares a pattern says beside it in words what it asks for (`form`).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import StringConstraints
from pydantic_core import ErrorDetails

UNKNOWN_FIELD: Final = "is not a field that can be given here"
ANY_FORM: Final = "does not have the form that is described for it"
_FORMS: dict[str, str] = {}


def form(pattern: str, words: str, min_length: int | None = None, max_length: int | None = None) -> Any:
    """Text of that pattern, for `Annotated`. `words` go on after the field's name: `must have 13 digits`."""
    _FORMS[pattern] = words
    return StringConstraints(pattern=pattern, min_length=min_length, max_length=max_length)


def declared_forms() -> list[str]:
    """Every pattern that was declared so far."""
    return list(_FORMS)


def form_in_words(pattern: str) -> str:
    """What a pattern asks for, as a sentence; nothing where nobody said it."""
    words = _FORMS.get(pattern, "")
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def in_words(error: ErrorDetails) -> str:
    """One fault, to be read after the name of its field."""
    say = _MESSAGES.get(error["type"])
    if say is None:
        return _plain(error["msg"])
    return say if isinstance(say, str) else say(error.get("ctx", {}), error["input"])


def _plain(message: str) -> str:
    """A validator's own sentence, without pydantic's prefix."""
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _short(ctx: Mapping[str, Any], given: Any) -> str:
    least = ctx["min_length"]
    return "must not be empty" if least == 1 else f"must have at least {_counted(least, given)}"


def _long(ctx: Mapping[str, Any], given: Any) -> str:
    return f"must have at most {_counted(ctx['max_length'], given)}"


def _counted(count: int, given: Any) -> str:
    """Texts have characters, whatever counts them."""
    one, several = ("character", "characters") if isinstance(given, str) else ("entry", "entries")
    return f"{count:,} {one if count == 1 else several}"


def _one_of(ctx: Mapping[str, Any], given: Any) -> str:
    return _choice(ctx["expected"])


def _choice(quoted: str) -> str:
    """Of pydantic's `'a', 'b' or 'c'`."""
    values = re.findall(r"'([^']*)'", quoted) or [quoted]
    return f"must be {values[0]}" if len(values) == 1 else f"must be one of {', '.join(values)}"


def _form(ctx: Mapping[str, Any], given: Any) -> str:
    return _FORMS.get(ctx["pattern"], ANY_FORM)


def _no_tag(ctx: Mapping[str, Any], given: Any) -> str:
    return f"needs {_tag(ctx)}, which says what it is"


def _wrong_tag(ctx: Mapping[str, Any], given: Any) -> str:
    return f"{_tag(ctx)} {_choice(ctx['expected_tags'])}"


def _tag(ctx: Mapping[str, Any]) -> str:
    return str(ctx["discriminator"]).strip("'")


def _bound(words: str, name: str) -> Callable[[Mapping[str, Any], Any], str]:
    def say(ctx: Mapping[str, Any], given: Any) -> str:
        bound = ctx[name]
        return f"must be {words} {bound:,}" if isinstance(bound, int) else f"must be {words} {bound}"

    return say


_NUMBER, _WHOLE, _OBJECT = "must be a number", "must be a whole number", "must be an object"
_MESSAGES: Final[Mapping[str, str | Callable[[Mapping[str, Any], Any], str]]] = {
    "extra_forbidden": UNKNOWN_FIELD,
    "missing": "is required",
    "string_type": "must be text",
    "string_unicode": "must be Unicode text",
    "string_too_short": _short,
    "string_too_long": _long,
    "string_pattern_mismatch": _form,
    "too_short": _short,
    "too_long": _long,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": "is too large a number",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "multiple_of": _bound("a multiple of", "multiple_of"),
    "literal_error": _one_of,
    "enum": _one_of,
    "none_required": "must be null",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "union_tag_not_found": _no_tag,
    "union_tag_invalid": _wrong_tag,
}
