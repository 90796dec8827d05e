"""What new usernames may be: Unicode's rules for identifiers, in words; names that look alike have one key."""

import pytest

from mediaserver.base.settings.tree import Auth
from mediaserver.domain.accounts.usernames import ReservedNames, fault
from mediaserver.domain.text.lookalikes import skeleton

INVISIBLE = "must not have invisible characters"
SCRIPTS = "must not mix letters of different scripts"
DIGITS = "must not mix digits of different scripts"
MARKS = "must not have more than 4 accents on a letter, or one of them twice"


@pytest.mark.parametrize(
    "name",
    [
        "ada", "Iimes11", "a.b-c_d", "Jürgen", "Ju\u0308rgen", "İsmail", "ışık", "Łukasz", "Nguyễn_Thị", "Þórður",
        "Ελλη", "Ἀχιλλεύς", "Жанна", "Ґанна", "Ёлка7", "Սիրանուշ", "ქეთევანი", "שלמה", "مریم", "محمد٣", "امیر۳",
        "हिन्दी", "ประยุทธ์", "น้ำฝน", "ຄຳແພງ", "កញ្ញា", "မောင်", "བསྟན", "አበበች", "தமிழ்", "മലയാളം", "ਗੁਰਪ੍ਰੀਤ",
        "김철수", "さくら太郎", "アキラ", "张伟三", "張偉ㄅ", "yi太郎", "김철수a", "zhang张伟", "ѕсоре", "123",
    ],
)  # fmt: skip
def test_names_as_people_have_them_are_fine(name: str) -> None:
    assert fault(name) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *[(f"adm{sign}", INVISIBLE) for sign in "\u3164\u115f\u1160\uffa0\u200b\u200c\u200d\u200e\u200f\u202e"],
        *[(f"a{sign}dm", INVISIBLE) for sign in "\u2060\u00ad\u034f\u061c\u180b\u17b4\ufe0f\ufeff\U000e0061"],
        ("\u3164\u3164\u3164", INVISIBLE),
        ("\u0430dm", SCRIPTS),
        ("аdministrаtor", SCRIPTS),
        ("pаypаl", SCRIPTS),
        ("Αdam", SCRIPTS),
        ("ΕΛΛaς", SCRIPTS),
        ("кирилλ", SCRIPTS),
        ("אבгд", SCRIPTS),
        ("हिन्दीa", SCRIPTS),
        ("かな김치", SCRIPTS),
        ("ㄅㄆ김", SCRIPTS),
        ("user٣", SCRIPTS),
        ("محمد٣۳", DIGITS),
        ("ｆｕｌｌ", "must not have the character ｆ (U+FF46): use everyday letters and digits"),
        ("ﬁnn", "must not have the character ﬁ (U+FB01): use everyday letters and digits"),
        ("𝐚𝐝𝐚", "must not have the character 𝐚 (U+1D41A): use everyday letters and digits"),
        ("ⅷⅷⅷ", "must not have the character ⅷ (U+2177): use everyday letters and digits"),
        ("ᎪᎠᎪ", "must not have the character Ꭺ (U+13AA): use everyday letters and digits"),
        ("o'brien", "must not have the character ' (U+0027): use everyday letters and digits"),
        ("a\u0301\u0300\u0302\u0303\u0304\u0306\u030a\u0308\u030cbc", MARKS),
        ("abc\u0301\u0301", MARKS),
        ("i\u0307nfo", "must not have a dot on i, which is invisible"),
        ("\u0301abc", "must not have accents without a letter"),
        ("a_\u0301bc", "must not have accents without a letter"),
        *[(name, "must not end with `.` or `-`") for name in ("ada.", "ada-", "ada...", "Жанна.-")],
        ("___", "must have a letter or a digit"),
        ("ab", "must have 3 to 32 characters"),
        ("ae\u0301", "must have 3 to 32 characters"),
    ],
)  # fmt: skip
def test_names_that_deceive_are_refused(name: str, words: str) -> None:
    assert fault(name) == words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Iimes11", "limes11"),
        ("limes11", "limesll"),
        ("scope", "ѕсоре"),
        ("modern", "rnodern"),
        ("b0b", "BOB"),
        ("Ada", "ADA"),
        ("José", "Jose\u0301"),
        ("ada", "a\u200bd\u3164a"),
        ("ada", "𝐚𝐝𝐚"),
        ("vivian", "ѵіѵіаո"),
    ],
)
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), [("ada", "adä"), ("ivan", "ivam"), ("bob", "rob"), ("user1", "user2")])
def test_names_that_differ_have_different_skeletons(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@pytest.mark.parametrize(
    "name",
    [
        "admin", "Admin", "ADMIN", "ADMlN", "adrnin", "admın", "аdmіn", "r00t", "R00T", "rооt", "Here",
        "no-reply", "MEDIASERVER", "everyone", "evеryonе", "𝐫𝐨𝐨𝐭", "ｒｏｏｔ",
    ],
)  # fmt: skip
def test_reserved_names_are_reserved_in_every_spelling(name: str) -> None:
    assert name in ReservedNames(Auth().reserved_usernames)


@pytest.mark.parametrize("name", ["ada", "admiral", "administer", "rooted", "helper", "allan"])
def test_names_that_only_contain_a_reserved_one_are_free(name: str) -> None:
    assert name not in ReservedNames(Auth().reserved_usernames)
