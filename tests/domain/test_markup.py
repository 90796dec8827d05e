"""Mentions and hashtags, as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mediaserver.domain.markup import Hashtag, hashtags, mentioned_names


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
