"""Text: control characters are refused, names are compared folded."""

import re
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.text.text import (
    Line,
    Prose,
    Source,
    Typed,
    fold,
    multi_line,
    single_line,
    text_pattern,
)


@pytest.mark.parametrize("text", ["nul\x00", "bell\x07", "escape\x1b[0m", "next\x85line", "half\ud800"])
def test_control_characters_are_refused_everywhere(text: str) -> None:
    for check in (single_line, multi_line):
        with pytest.raises(ValueError, match="control characters"):
            check(text)


def test_line_breaks_are_for_prose_only() -> None:
    assert multi_line("one\r\ntwo\n\tthree") == "one\ntwo\n\tthree"
    for text in ("one\ntwo", "one\ttwo"):
        with pytest.raises(ValueError, match="line breaks"):
            single_line(text)


def test_other_scripts_and_emoji_are_text() -> None:
    for text in ("Größe", "数学", "שלום", "👩‍🏫"):
        assert single_line(text) == multi_line(text) == text


@pytest.mark.parametrize(
    ("one", "other"), [("Ada", "aDA"), ("STRASSE", "straße"), ("ﬁ", "FI"), ("Ａｄａ", "ada")]
)
def test_names_that_look_alike_are_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    "text", ["", "  ", "\u200b", "\u3164 \u2800", "\ufe0f\U000e0061", "\u200e\u202e", "\u00ad\u034f"]
)
def test_text_of_which_nothing_can_be_seen_is_empty(text: str) -> None:
    assert [TypeAdapter(kind).validate_python(text) for kind in (Line, Prose, Source)] == ["", "", ""]


@pytest.mark.parametrize("text", ["👩\u200d🏫", "❤\ufe0f", "\u200fשלום", "می\u200cخواهم", "\u0301", "  \u200b."])
def test_visible_text_keeps_its_invisible_characters(text: str) -> None:
    assert TypeAdapter(Prose).validate_python(text) == text.strip()
    assert TypeAdapter(Source).validate_python(text) == text


def test_passwords_may_have_any_characters_that_can_be_typed() -> None:
    assert TypeAdapter(Typed).validate_python("\u00a0\u200b   ") == "\u00a0\u200b   "


@pytest.mark.parametrize("kind", ["line", "prose", "source"])
def test_the_pattern_of_a_text_says_so_too(kind: str) -> None:
    pattern = re.compile(text_pattern(kind, 1))
    assert not any(pattern.search(text) for text in ("", "   ", "\u200b\u3164", "\u2800", "\ufe0f\u00ad"))
    assert all(pattern.search(text) for text in ("a", " a ", "\u200ba", "👩\u200d🏫", "\u0301"))


def test_a_stored_text_of_which_nothing_can_be_seen_can_still_be_read() -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    stored = {"_id": "1", "createdAt": moment, "updatedAt": moment, "courseId": "C" * 26, "levelId": "C" * 26}
    lesson = Lesson.from_mongo({**stored, "title": "\u200b", "timestamp": moment})
    assert lesson.title == "\u200b"
