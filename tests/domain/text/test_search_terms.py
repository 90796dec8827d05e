"""Terms of texts and what queries ask of them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediaserver.domain.text.search_terms import MOST_TERMS, Condition, TooManyWords, query, terms
from mediaserver.domain.text.word_segments import LONGEST_WORD, fold_for_search


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", "hello world"),
        ("Versions running", "versions ~version running ~run"),
        ("e-mail don't Ada's", "email e mail dont don t ada"),
        ("ada.lovelace U.S.A. 3.14", "ada.lovelace ada lovelace ~lovelac usa u s a 3.14 3 14"),
        ("snake_case __init__", "snake_case snake case init"),
        ("C++ c# #tag @name C#m", "c++ c c# tag name m"),
        ("可能是", "可能 能是 是"),
        ("中", "中"),
        ("コンピュータ ｶﾞ", "こん んぴ ぴゅ ゅー ーた た が"),
        ("Python入門", "python 入門 門"),
        ("ไทย", "ไท ทย ย"),
        ("a\u200bb ก\u200bข", "a b กข ข"),
        ("Ёлка Йод їжак Москва\u0301", "елка ~елк йод їжак москва ~москв"),
        ("İstanbul ılık Straße ﬁne Ⅻ １２", "istanbul ilik strasse ~strass fine xii 12"),
        ("ØRE łódź Þór Æsop đi", "ore lodz thor aesop di"),
        ("مـدرسة أحمد کی ٣", "مدرسة ~مدرس احمد كي 3"),
        ("צה״ל שָׁלוֹם", "צהל שלום"),
        ("क़लम", "कलम"),
        ("👍🏽👍 🇩🇪 ™", "👍 🇩 🇪 tm"),
        ("soft\u00adhyphen \u202eabc", "softhyphen abc"),
        (" -!? ", ""),
        ("\ud800\ue000", ""),
    ],
)
def test_terms_of_texts(text: str, expected: str) -> None:
    assert terms([text]) == expected.split()


@pytest.mark.parametrize("word", ["قرآن", "رياضيات", "برنامج", "مدرسة", "امتحان", "كتاب"])
@pytest.mark.parametrize("article", ["ال", "وال", "بال", "فبال", "كال", "لل"])
def test_arabic_words_are_found_with_and_without_the_article(word: str, article: str) -> None:
    for typed, written in ((word, article + word), (article + word, word)):
        first, _ = query(f"{typed} 1")
        assert set(first.terms) & set(terms([written]))


def test_of_a_link_only_the_first_words_count() -> None:
    found = terms(["https://example.org/" + "/".join(f"part{n}" for n in range(50)) + " after"])
    assert found[0] == "example.org" and "part5" in found and "part20" not in found and found[-1] == "after"
    assert "https" not in found


def test_a_document_has_a_bounded_number_of_terms_those_that_come_first() -> None:
    texts = [" ".join(f"w{n}" for n in range(5000))] * 3
    assert terms(texts) == [f"w{n}" for n in range(MOST_TERMS)]
    assert terms(["a " * 100_000 + "late", "red"]) == ["a", "red"]
    assert terms(["x" * 5000]) == ["x" * LONGEST_WORD]


def test_what_is_typed_is_found_in_a_text_of_any_length() -> None:
    """Long texts are folded in pieces, which are cut between words."""
    text = " ".join(f"word{n}" for n in range(900))
    assert set(terms([text])) == {f"word{n}" for n in range(900)}
    sentence = "还有可能是定期检修，"
    assert set(terms([sentence * 100])) == set(terms([sentence]))


def test_the_last_word_may_be_unfinished() -> None:
    assert query("red versions") == [
        Condition(("red", "~red")),
        Condition(("versions", "version", "~version"), ("versions",)),
    ]
    assert query("ada.love") == [Condition(("ada.love",), ("ada.love",))]
    assert query("a.l") == [Condition(("al", "~al"), ("al", "a.l"))]
    assert query("red 可能") == [Condition(("red", "~red")), Condition(("可能",))]
    assert query("red 可") == [Condition(("red", "~red")), Condition((), ("可",))]
    assert query("ada bob ada") == [Condition(("ada", "~ada")), Condition(("bob", "~bob"))]


def test_queries_are_bounded() -> None:
    with pytest.raises(TooManyWords):
        query(" ".join(f"w{n}" for n in range(21)))
    assert len(query("w " * 90 + "x")) == 2
    assert len(query("".join(chr(0x4E00 + n) for n in range(200)))) == 40


def holds(condition: Condition, found: list[str]) -> bool:
    begins = any(term.startswith(condition.prefixes) for term in found)
    return begins or not set(condition.terms).isdisjoint(found)


TEXTS = st.text(st.sampled_from("ab.-'_~ Åßéй可能東ーかカกำ학교ا🎉\u200c\u200b1"), max_size=12)


@example("a.a1")
@given(TEXTS)
def test_every_text_is_found_by_itself_and_by_what_it_begins_with(text: str) -> None:
    found = terms([text])
    for end in range(len(text) + 1):
        asked = query(text[:end])
        if not text[end:].strip("abÅßéй학교ا'-._\u200c1"):  # the last word is unfinished at most
            assert all(holds(condition, found) for condition in asked), text[:end]


@given(st.text(max_size=40))
def test_folding_is_final_and_ignores_case(text: str) -> None:
    folded = fold_for_search(text)
    assert fold_for_search(folded) == folded
    assert all(term and not term.isspace() for term in terms([text]))
