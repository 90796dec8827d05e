"""Words and searches, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.store.embedded.errors import CommandError
from mediaserver.store.embedded.text import Search, parse_search, words


def search(source: str) -> Search:
    return parse_search({"$search": source})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("don't C++ a_b 3.14 v2", ["don", "t", "c", "a_b", "3", "14", "v2"]),
        ("Crème BRÛLÉE", ["creme", "brulee"]),
        ("ÅNGSTRÖM İstanbul", ["angstrom", "istanbul"]),
        ("straße ﬁne Ⅻ １２", ["strasse", "fine", "xii", "12"]),
        ("東京 タワー, Москва́", ["東京", "タワー", "москва"]),
        ("हिन्दी भाषा", ["हिनदी", "भाषा"]),
        ("a\0b 🎉c", ["a", "b", "c"]),
        ("x" * 101, ["x" * 100]),
        ("é" * 101, ["e" * 100]),
        (" -!? ", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text())
def test_folding_is_final(text: str) -> None:
    found = words(text)
    assert words(" ".join(found)) == found
    assert words(text.swapcase().swapcase()) == words(text.swapcase().swapcase().lower()) or not text.isascii()


@pytest.mark.parametrize(
    ("source", "terms", "phrases", "excluded", "excluded_phrases"),
    [
        ("red car", "red car", "", "", ""),
        ('"red car" sky', "red car sky", "red car", "", ""),
        ("car -red", "car", "", "red", ""),
        ("-foo-bar baz", "baz", "", "foo bar", ""),
        ("foo-bar - baz", "foo bar baz", "", "", ""),
        ('car -"red car"', "car", "", "", "red car"),
        ('-"red car"-old new', "new", "", "old", "red car"),
        ('- "red"', "red", "red", "", ""),
        ('"red -car"', "red car", "red car", "", ""),
        ('"never closed', "never closed", "", "", ""),
        ('"" " " "?!" x', "x", "", "", ""),
        ('"Red" "CAR"', "red car", "red,car", "", ""),
    ],
)
def test_searches_are_read_as_mongodb_reads_them(
    source: str, terms: str, phrases: str, excluded: str, excluded_phrases: str
) -> None:
    found = search(source)
    assert found.terms == set(terms.split())
    assert found.phrases == {tuple(item.split()) for item in phrases.split(",") if item}
    assert found.excluded == set(excluded.split())
    assert found.excluded_phrases == {tuple(item.split()) for item in excluded_phrases.split(",") if item}


def test_a_document_is_asked_for_whole_words_in_one_string() -> None:
    def matches(source: str, document: object) -> bool:
        wanted = search(source)
        wanted.paths = (("a",), ("b", "c"))
        return wanted.matches({"a": document, "b": [{"c": "last one"}]})

    assert matches('"red car"', "a Red car")
    assert not matches('"red car"', ["red", "car"])
    assert not matches('"red car"', "bored carl")
    assert matches('"red" "last one"', "red")
    assert not matches("-red", "blue")
    assert not matches("blue -last", "blue")
    assert not matches("5", 5)


def test_a_search_must_know_its_fields() -> None:
    with pytest.raises(CommandError) as caught:
        search("red").matches({"a": "red"})
    assert caught.value.code == 27
