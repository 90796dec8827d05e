"""What people type finds the same on every engine: in many scripts, unfinished, hostile."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
from bson import Regex
from pymongo import AsyncMongoClient

from mediaserver.base.clock import utc_now
from mediaserver.base.errors import Invalid
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.document import SEARCH_TERMS, Document, Index
from mediaserver.domain.text.search_terms import MOST_WORDS
from mediaserver.store.mongo import Database, Stored
from mediaserver.store.repository import Repository
from mediaserver.store.searching import NOTHING, search_filter


class Note(Document):
    collection: ClassVar[str] = "notes"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("title", "_id")),)
    searched: ClassVar[tuple[str, ...]] = ("title",)

    title: str


TEXTS = [
    "还有可能是定期检修", "東京都に行きました", "トウキョウ タワー",
    "ｺﾝﾋﾟｭｰﾀｰの歴史", "Python入門 第3版", "𠮷野家の牛丼", "許可",
    "ภาษาไทยง่ายนิดเดียว", "ພາສາລາວ", "ភាសា​ខ្មែរ", "မြန်မာစာ",
    "학교에서 한국어를 배웁니다", "كِتَابُ الطَّالِب الجديد", "نرم‌افزار آزاد",
    "שָׁלוֹם צה״ל", "Ёлка и новые книги", "Йод",
    "Donaudampfschifffahrt und Häuser", "Straße", "İstanbul'da ağaç",
    "Tiếng Việt đẹp", "हिन्दी की किताबें", "Ωραία νησιά",
    "Two versions were running", "We studied e-mail",
    "Ask ada.lovelace, a.lincoln or grace_hopper", "C++ and C#", "Room 42 costs 3.14",
    "Crème brûlée à la carte", "Smörgåsbord på ön",
    "🎉 party 👩‍👩‍👧", "see https://docs.example.org/guide/start?x=1", "The U.S.A.",
]  # fmt: skip

FOUND = {
    # Chinese and Japanese: inside of runs, single characters, at the end, beyond the basic plane
    "可能": [0], "能": [0], "修": [0], "定期检修": [0],
    "检查": [], "東京都": [1], "東京": [1], "京": [1], "行き": [1],
    "とうきょう": [2], "トウキョウ": [2], "ﾄｳｷｮｳ": [2],
    "たわ": [2], "コンピュータ": [3], "こんぴゅーたー": [3], "歴史": [3],
    "入門": [4], "python": [4], "PYTHON入": [4], "入門 python": [4],
    "第3": [4], "𠮷野": [5], "𠮷": [5], "可": [0, 6],
    # Thai, Lao, Khmer, Burmese
    "ไทย": [7], "ภาษา": [7], "ง่าย": [7], "ลาว": [],
    "ລາວ": [8], "ខ្មែរ": [9], "ភាសាខ្មែរ": [9], "မာ": [10],
    # Korean: particles follow their word
    "학교": [11], "한국어 배": [11], "학교 한국어": [11], "교": [],
    # Arabic, Persian, Hebrew
    "كتاب": [12], "الكتاب": [12], "طالب": [12],
    "نرم‌افزار": [13], "نرمافزار": [13], "افزار": [13], "نرم": [13],
    "שלום": [14], "צהל": [14], "צה\"ל": [14],
    # Russian, Greek, Hindi
    "елка": [15], "Ёлка": [15], "книга": [15], "новая": [15],
    "йод": [16], "иод": [], "νησια": [22], "ΝΗΣΙΆ": [22],
    "किताब": [21], "हिन्दी": [21],
    # Latin script: accents, case, special letters; compounds by their beginning
    "haus": [17], "häuser": [17], "hauser": [17],
    "donaudampf": [17], "schifffahrt": [], "strasse": [18], "STRAßE": [18],
    "istanbul": [19], "ISTANBUL": [19], "agac": [19], "tieng viet": [20], "đẹp": [20], "dep": [20],
    "creme brulee": [28], "CRÈME": [28], "smorgasbord": [29], "pa on": [29],
    # English stems, prefixes
    "version": [23], "versions": [23], "ver": [23],
    "run": [23], "runs": [23], "runn": [23], "version running": [23],
    "running version": [23], "studying": [24], "study": [24],
    "email": [24], "e-mail": [24], "e-m": [24], "mail": [24],
    # Names, numbers, symbols, links
    "ada": [25], "lovelace": [25], "ada.love": [25],
    "@ada.lovelace": [25], "grace_hopper": [25], "hopper": [25],
    "c++": [26], "c#": [26], "42": [27], "4": [27],
    "3.14": [27], "3.1": [27], "٤٢": [27], "🎉": [30], "👧": [30],
    "party 🎉": [30], "docs.example.org": [31], "example guide": [31], "usa": [32], "U.S.A": [32], "a.l": [25],
    # Nothing to look for
    "?!": [], "": [], " ": [], "\0": [], "$where": [], "''": [], "zzz": [],
}  # fmt: skip


@pytest.fixture
async def notes(client: AsyncMongoClient[Stored], db: Any) -> AsyncIterator[Repository[Note]]:
    database = Database(client, db.name)
    await database.ensure_indexes([Note])
    repository, now = Repository(database, Note), utc_now()
    await repository.add_many([Note(id=new_id(), created_at=now, updated_at=now, title=text) for text in TEXTS])
    yield repository


async def test_what_people_type_is_found_in_every_script(notes: Repository[Note]) -> None:
    wrong = {}
    for typed, expected in FOUND.items():
        found = [TEXTS.index(note.title) for note in await notes.find(notes.matching(typed), sort=[("_id", 1)])]
        if found != expected:
            wrong[typed] = found
    assert wrong == {}


async def test_pages_of_a_search_follow_each_other(notes: Repository[Note]) -> None:
    now = utc_now()
    titles = [f"number{n} numbers" for n in range(25)]
    await notes.add_many([Note(id=new_id(), created_at=now, updated_at=now, title=title) for title in titles])
    for sort in ((("_id", -1),), (("title", 1),)):
        met, cursor = list[str](), None
        while True:
            page = await notes.page(notes.matching("number numb"), sort=sort, limit=7, cursor=cursor)
            met += [note.title for note in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert met == (sorted(titles) if sort[0][0] == "title" else titles[::-1])
    assert await notes.count(notes.matching("numb")) == 25


HOSTILE = ['"', "-red car", '{"$gt": ""}', "a.*", "[", "(" * 50, "~run", "^a", "a\\", "red \0 car", "\ud800"]


async def test_every_engine_takes_whatever_is_typed(notes: Repository[Note]) -> None:
    for words in HOSTILE:
        assert isinstance(await notes.find(notes.matching(words)), list), words
    assert [n.title for n in await notes.find(notes.matching("~run"))] == ["Two versions were running"]


def test_patterns_are_anchored_and_escaped() -> None:
    assert search_filter("c++") == {"$and": [{SEARCH_TERMS: {"$in": [Regex(r"^c\+\+"), "c++"]}}]}
    assert search_filter("runs 可能") == {
        "$and": [{SEARCH_TERMS: {"$in": ["runs", "run", "~run"]}}, {SEARCH_TERMS: "可能"}]
    }
    assert search_filter("?") == NOTHING


def test_more_than_twenty_words_are_refused() -> None:
    search_filter(" ".join(f"w{n}" for n in range(MOST_WORDS)))
    with pytest.raises(Invalid, match="at most 20 words") as refused:
        search_filter(" ".join(f"w{n}" for n in range(MOST_WORDS + 1)))
    assert [error.loc for error in refused.value.errors] == ["q"]


async def test_terms_are_stored_but_never_read_back(notes: Repository[Note]) -> None:
    note = await notes.find_one({"title": "Straße"})
    assert note is not None
    stored = await notes.collection.find_one({"_id": note.id})
    assert stored is not None and stored[SEARCH_TERMS] == ["strasse", "~strass"]
    assert SEARCH_TERMS not in note.to_wire()


async def test_a_change_of_what_is_searched_sets_the_terms(notes: Repository[Note]) -> None:
    note = (await notes.find({}))[0]
    with pytest.raises(ValueError, match=SEARCH_TERMS):
        await notes.update(note.id, set={"title": "other"})
    other = note.model_copy(update={"title": "other"})
    await notes.replace(other)
    assert [found.id for found in await notes.find(notes.matching("other"))] == [note.id]
    assert await notes.find(notes.matching(note.title)) == []
