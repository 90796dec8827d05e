"""Mentions and hashtags, as people write them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mediaserver.domain.text.markup import Hashtag, hashtags, mentioned_names

EXAMPLES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "web" / "markup_examples.json").read_text("utf-8")
)
"""Shared with the web client, which has to find the same (tests/web/test_markup.py)."""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: ascii(example["text"]))
def test_examples(example: dict[str, Any]) -> None:
    assert [list(names) for names in mentioned_names(example["text"])] == example["mentions"]
    assert hashtags(example["text"]) == example["hashtags"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: ascii(example["text"]))
def test_what_is_found_is_found_again_by_its_name(example: dict[str, Any]) -> None:
    check: TypeAdapter[str] = TypeAdapter(Hashtag)
    for tag in example["hashtags"]:
        assert check.validate_python(tag) == check.validate_python(f"＃{tag}") == tag


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@ada", [("ada",)]),
        ("Look, @Ada: (@eve), @ada!", [("ada",), ("eve",)]),
        ("Thanks @ada.", [("ada", "ada.")]),
        ("@ada.lovelace-2...", [("ada.lovelace-2", "ada.lovelace-2...")]),
        ("ada@example.org, https://example.org/@ada and @@ada", []),
        ("@ab @" + "a" * 33, []),
        ("@Жанна @हिन्दी", [("жанна",), ("हिन्दी",)]),
        ("@", []),
    ],
)
def test_mentions(text: str, names: list[tuple[str, ...]]) -> None:
    assert mentioned_names(text) == names


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#Algebra and #algebra, #ALGEBRA_2", ["algebra", "algebra_2"]),
        ("#1 is no tag, #1a is", ["1a"]),
        ("a#b, &#39; and https://example.org/#top", []),
        ("#हिन्दी #straße", ["हिन्दी", "strasse"]),
        ("#ﷺ", ["صلى"]),
        ("#" + "a" * 61, []),
    ],
)
def test_hashtags(text: str, tags: list[str]) -> None:
    assert hashtags(text) == tags


def test_only_so_many_count() -> None:
    assert len(mentioned_names(" ".join(f"@name{n}" for n in range(100)))) == 20
    assert len(hashtags(" ".join(f"#tag{n}" for n in range(100)))) == 30


@given(st.text())
def test_whatever_is_found_can_be_stored_and_looked_for(text: str) -> None:
    check: TypeAdapter[str] = TypeAdapter(Hashtag)
    for tag in hashtags("#" + text):
        check.validate_python(tag)
        check.validate_python("#" + tag)
