"""Text: control characters are refused, names are compared folded."""

import pytest

from mediaserver.domain.text import fold, multi_line, single_line


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
