"""What people type, as a filter: on every engine the same finds, whether it has text indexes or not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import OperationFailure

from mediaserver.store.searching import LONGEST_WORD, MOST_WORDS, NOTHING, search_filter
from tests.store.contract import Database, fill, ids

FIELDS = ("title", "body.text")


def searched(words: str) -> Any:
    found = search_filter(words, True, FIELDS)
    return found["$text"]["$search"] if "$text" in found else found


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("red car", '"red" "car"'),
        ("  Red,\tRED  car ", '"Red" "car"'),
        ('"red car"', '"red" "car"'),
        ("car -red", '"car" "red"'),
        ("don't C++ a_b", '"don" "t" "C" "a_b"'),
        ("$where: 1", '"where" "1"'),
        ('{"$gt": ""}', '"gt"'),
        ("red\0car\x1b", '"red" "car"'),
        ("Crème Bru\u0302le\u0301e", '"Crème" "Brûlée"'),
        ("हिन्दी 東京", '"हिन्दी" "東京"'),
        ("x" * 5000, f'"{"x" * LONGEST_WORD}"'),
    ],
    ids=repr,
)
def test_words_are_cut_out_and_quoted(words: str, expected: str) -> None:
    assert searched(words) == expected


@pytest.mark.parametrize("words", ["", " ", '"', '""', "-", "--", "$", "\0", "🎉", '" - "', "?*.^[(\\"])
@pytest.mark.parametrize("has_text", [True, False])
def test_without_a_word_nothing_matches(words: str, has_text: bool) -> None:
    assert search_filter(words, has_text, FIELDS) == NOTHING


def test_ten_thousand_words_are_cut_to_twenty() -> None:
    assert searched(" ".join(f"w{n}" for n in range(10_000))).count(" ") == MOST_WORDS - 1
    assert len(search_filter("w " * 10 + "x " * 10_000, False, FIELDS)["$and"]) == 2


@given(st.text())
def test_nothing_typed_is_an_operator(words: str) -> None:
    found = searched(words)
    if found is not NOTHING:
        quoted = found.split(" ")
        assert all(len(word) > 2 and word[0] == word[-1] == '"' for word in quoted)
        assert not set(found.replace('"', "")) & set("-\\$\0\n'\"")


def test_without_text_indexes_each_word_may_be_in_any_field() -> None:
    assert search_filter("red c.r", False, ("a", "b")) == {
        "$and": [
            {"$or": [{name: {"$regex": word, "$options": "i"}} for name in ("a", "b")]}
            for word in ("red", "c", "r")
        ]
    }


HOSTILE = [
    '"',
    "-",
    "$where",
    "\0",
    "red \0 car",
    '"red',
    "-red car",
    '{"$gt": ""}',
    "a.*",
    "[",
    "(" * 50,
    "w " * 10_000,
]


@pytest.mark.parametrize("has_text", [True, False])
async def test_every_engine_takes_whatever_is_typed(db: Database, has_text: bool) -> None:
    await fill(db, {"title": "Red", "body": {"text": "car"}}, {"title": "blue car"}, {"title": "red"})
    try:
        keys = [(field, "text") for field in FIELDS]
        await db.c.create_index(keys, name="search", default_language="none")
    except OperationFailure:
        assert not has_text, "this engine has no text indexes"
    for words in HOSTILE:
        assert isinstance(await ids(db, search_filter(words, has_text, FIELDS)), list), words
    assert await ids(db, search_filter("RED", has_text, FIELDS)) == [1, 3]
    assert await ids(db, search_filter("nobody", has_text, FIELDS)) == []
    assert await ids(db, {"_id": {"$gt": 1}, **search_filter("red", has_text, FIELDS)}) == [3]
