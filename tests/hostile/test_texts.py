"""Texts and cursors that are made to take long: Unicode, mentions, hashtags, searches, names of files."""

import base64
import unicodedata
from collections.abc import Callable

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mediaserver.domain.text import markup
from mediaserver.domain.text.search_terms import terms
from mediaserver.domain.text.text import Line, Prose, fold, normalized
from mediaserver.domain.uploads.uploads import display_name, object_key
from mediaserver.store.paging import decode_cursor
from mediaserver.store.searching import search_filter
from tests.hostile.cost import assert_quick, cpu_s

HEADER = 8000
"""Characters of the longest query or header."""
HOSTILE = {
    "combining marks": "a" + "\u0301\u0316" * (HEADER // 2),
    "decomposing marks": "a" + "\u0344\u0316" * (HEADER // 2),
    "expanding": "\ufdfa" * HEADER,
    "Hangul": "\u1100\u1161\u11a8" * (HEADER // 3),
    "casefolding": "\u1e9e\u0130\u0390" * (HEADER // 3),
    "surrogates": "\ud800" * HEADER,
    "astral": "\U0001f468\u200d" * (HEADER // 2),
    "directions": "\u202e\u2066" * (HEADER // 2),
    "signs": "@" * HEADER,
    "mentions": "@abc " * (HEADER // 5),
    "dots": "@abc" + "." * HEADER,
    "dotted": "@a.-" * (HEADER // 4),
    "hashtags": "#a " * (HEADER // 3),
    "digits": "#" + "1" * HEADER,
    "words": "a " * (HEADER // 2),
    "quotes": '"' * HEADER,
    "operators": ".*+(" * (HEADER // 4),
    "slashes": "/\\" * (HEADER // 2),
    "spaces": " " * HEADER,
}
PROSE = TypeAdapter(Prose)
LINE = TypeAdapter(Line)
READERS: dict[str, Callable[[str], object]] = {
    "fold": fold,
    "mentions": markup.mentioned_names,
    "hashtags": markup.hashtags,
    "hashtag": TypeAdapter(markup.Hashtag).validate_python,
    "search": search_filter,
    "terms of a search": lambda text: terms([text]),
    "prose": PROSE.validate_python,
    "line": LINE.validate_python,
    "file name": display_name,
    "object key": lambda text: object_key("1", text),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_holds_up_the_event_loop_only_briefly(name: str, reader: str) -> None:
    text = HOSTILE[name]
    assert_quick(lambda: READERS[reader](text))


def test_folding_takes_linear_time() -> None:
    assert cpu_s(lambda: fold("a" + "\u0301\u0316" * 50_000)) < 20 * cpu_s(
        lambda: fold("a" + "\u0301\u0316" * 5_000)
    )


@given(st.text(max_size=60))
def test_normalization_of_ordinary_texts_is_unicodes(text: str) -> None:
    assert normalized("NFKC", text) == unicodedata.normalize("NFKC", text)


def test_runs_of_marks_are_ordered_within_thirty() -> None:
    folded = normalized("NFC", "x" + "\u0301\u0316" * 50)
    assert folded == "x" + ("\u0316" * 15 + "\u0301" * 15 + "\u034f") * 3 + "\u0316" * 5 + "\u0301" * 5
    assert normalized("NFC", folded) == folded


@pytest.mark.parametrize(
    "cursor",
    [
        "A" * HEADER,
        "-_" * (HEADER // 2),
        base64.urlsafe_b64encode(bytes(12) + bson.encode({"v": [1] * 700})).decode(),
        base64.urlsafe_b64encode(bytes(12) + bson.encode({"v": "a" * 5000})).decode(),
    ],
    ids=["zeros", "signs", "a list", "a text"],
)
def test_a_cursor_holds_up_the_event_loop_only_briefly(cursor: str) -> None:
    assert_quick(lambda: decode_cursor(cursor, "tweets", [("_id", -1)]))
