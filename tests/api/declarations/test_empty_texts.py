"""Text of which nothing can be seen is empty text, in each field that must not be empty."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from mediaserver.api import declared
from mediaserver.base.faults import in_words
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.text.text import KIND
from mediaserver.signalling.messages import CLIENT_MESSAGES

BLANK = {
    "spaces": "   ",
    "space of other scripts": "\u00a0\u1680\u2003\u202f\u3000",
    "line separators": "\u2028\u2029",
    "zero width": "\u200b\u200c\u200d\u2060\ufeff",
    "directions": "\u200e\u200f\u202a\u202e\u2066\u2069\u061c",
    "soft hyphen": "\u00ad",
    "Hangul fillers": "\u3164\u115f\u1160\uffa0",
    "Khmer and Mongolian": "\u17b4\u17b5\u180e\u180b",
    "variation selectors": "\ufe0f\ufe00\U000e0100",
    "tags": "\U000e0001\U000e0061\U000e007f",
    "grapheme joiner": "\u034f",
    "braille without dots": "\u2800",
    "annotation": "\ufff9\ufffa\ufffb",
    "null notehead": "\U0001d159",
    "all of it": " \u200b\u3164 \u2800\u00a0\ufe0f\U000e0061 ",
}
VISIBLE = {
    "emoji of several": "👩\u200d🏫",
    "emoji with selector": "❤\ufe0f",
    "flag": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "right to left": "\u200fשלום",
    "Persian with a joiner": "می\u200cخواهم",
    "an accent alone": "\u0301",
    "braille": "⠓",
    "Hangul": "\u1112\u1161\u11ab",
    "one dot": ".",
}
OPAQUE = {
    "Login.login", "Login.password", "Refresh.refresh_token", "ChangePassword.current_password",
    "ChangeEmail.password", "AskReset.login", "ConfirmReset.token", "AskLink.login", "ConfirmLink.token",
    "VerifyEmail.token", "VerifyEmail.password", "ChatSend.client_id", "PublishedTrack.mid", "SlotWish.mid",
}  # fmt: skip
"""Compared with something, never shown: passwords, tokens, names to sign in with, ids that clients make."""


def models() -> list[type[BaseModel]]:
    """All bodies, patches, messages and documents with their parts."""
    found: dict[type[BaseModel], None] = {}
    endpoints = declared()
    waiting: list[Any] = [*DOCUMENTS, *CLIENT_MESSAGES.values()]
    waiting += [model for e in endpoints for model in (e.accepts.body, e.accepts.patch) if model is not None]
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, BaseModel):
            if one not in found:
                found[one] = None
                waiting += [field.annotation for field in one.model_fields.values()]
                waiting += [part for field in one.model_fields.values() for part in field.metadata]
        else:
            waiting += get_args(one)
    return list(found)


def texts(schema: dict[str, Any], wrap: int = 0) -> Iterator[tuple[dict[str, Any], int]]:
    """The texts in a field that must not be empty, and in how many lists they are."""
    if schema.get("type") == "string" and schema.get("minLength", 0) > 0:
        yield schema, wrap
    for option in schema.get("anyOf", ()):
        yield from texts(option, wrap)
    if isinstance(schema.get("items"), dict):
        yield from texts(schema["items"], wrap + 1)


def fields() -> Iterator[tuple[str, FieldInfo, dict[str, Any], int]]:
    for model in models():
        for name, field in model.model_fields.items():
            kept = Annotated[field.annotation, None, *field.metadata]
            for schema, wrap in texts(TypeAdapter(kept).json_schema()):
                yield f"{model.__name__}.{name}", field, schema, wrap


FIELDS = list(fields())
SHOWN = {
    name: (field, wrap) for name, field, schema, wrap in FIELDS if schema.get(KIND) in ("line", "prose", "source")
}


def test_every_text_that_must_not_be_empty_is_shown_or_opaque_or_has_a_form() -> None:
    """A new field belongs to one of them: `Line`, `Prose` or `Source` for what people read."""
    others = {name for name, _, schema, _ in FIELDS if KIND not in schema and "pattern" not in schema}
    assert others <= OPAQUE
    assert len(SHOWN) > 30


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_text_of_which_nothing_can_be_seen_is_refused_as_empty(name: str) -> None:
    field, wrap = SHOWN[name]
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[field.annotation, None, *field.metadata])
    for kind, text in BLANK.items():
        value: Any = [text, text + text] if wrap else text
        with pytest.raises(ValidationError) as refused:
            adapter.validate_python(value)
        assert any("must not be empty" in in_words(error) for error in refused.value.errors()), kind
    for text in VISIBLE.values():
        adapter.validate_python([text, text + "2"] if wrap else text)
