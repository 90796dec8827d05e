"""Repositories on every engine: typed documents, stable pages, gapless numbers, clear errors."""

import asyncio
import gc
import signal
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pymongo import _csot

from mediaserver.base.errors import Conflict, Invalid, NotFound, StartError, Unavailable
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.document import Document, Index, Value
from mediaserver.store.mongo import Database, embedded_configuration, embedded_socket
from mediaserver.store.repository import Repository
from tests.store.conftest import embedded_server

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 13, tzinfo=UTC)


class Style(Value):
    colour: str = "black"


class ChatLine(Document):
    collection: ClassVar[str] = "lines"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("session_id", "sequence"), unique=True),
        Index(("name_folded",), unique=True, partial={"nameFolded": {"$type": "string"}}),
    )

    session_id: str = "s"
    sequence: int
    name_folded: str | None = None
    rank: int | None = None
    style: Style = Style()


def line(sequence: int, **fields: Any) -> ChatLine:
    return ChatLine(id=new_id(), created_at=NOON, updated_at=NOON, sequence=sequence, **fields)


@pytest.fixture
async def database(uri: str) -> AsyncIterator[Database]:
    database = await Database.open(uri, f"test_{new_id()}")
    await database.ensure_indexes([ChatLine])
    yield database
    await database.client.drop_database(database.raw.name)
    await database.close()


@pytest.fixture
def lines(database: Database) -> Repository[ChatLine]:
    return Repository(database, ChatLine, clock=lambda: LATER)


async def test_a_document_comes_back_as_it_was(lines: Repository[ChatLine]) -> None:
    added = await lines.add(line(1))
    assert await lines.get(added.id) == added
    with pytest.raises(NotFound) as caught:
        await lines.get("nobody")
    assert caught.value.code == "chat_line_not_found"


async def test_fields_of_another_version_are_ignored_and_survive_edits(lines: Repository[ChatLine]) -> None:
    added = await lines.add(line(1))
    await lines.collection.update_one({"_id": added.id}, {"$set": {"shelf": 7, "style.size": 12}})
    assert await lines.get(added.id) == added
    edited = await lines.update(added.id, set={"rank": 2, "style": Style(colour="red")})
    assert (edited.rank, edited.style.colour) == (2, "red")
    await lines.replace(edited.model_copy(update={"rank": 3}))
    stored = await lines.collection.find_one({"_id": added.id})
    assert stored is not None and (stored["shelf"], stored["rank"]) == (7, 3)
    assert stored["style"] == {"colour": "red", "size": 12}


async def test_a_taken_field_is_named(lines: Repository[ChatLine]) -> None:
    await lines.add(line(1, name_folded="ann"))
    with pytest.raises(Conflict) as single:
        await lines.add(line(2, name_folded="ann"))
    assert (single.value.code, single.value.errors[0].loc) == ("name_taken", "name")
    with pytest.raises(Conflict) as pair:
        await lines.add(line(1))
    assert pair.value.code == "chat_line_exists"
    assert [error.loc for error in pair.value.errors] == ["sessionId", "sequence"]
    other = await lines.add(line(3))
    with pytest.raises(Conflict, match="name"):
        await lines.update(other.id, set={"nameFolded": "ann"})


async def test_update_says_what_went_wrong(lines: Repository[ChatLine]) -> None:
    added = await lines.add(line(1, rank=1))
    changed = await lines.update(added.id, set={"sessionId": "t"}, inc={"rank": 2}, where={"rank": 1})
    assert (changed.session_id, changed.rank, changed.updated_at) == ("t", 3, LATER)
    with pytest.raises(Conflict) as stale:
        await lines.update(added.id, set={"rank": 9}, where={"rank": 1})
    assert stale.value.code == "chat_line_changed"
    with pytest.raises(NotFound):
        await lines.update("nobody", set={"rank": 9}, where={"rank": 1})
    assert (await lines.update(added.id, unset=["rank"])).rank is None
    with pytest.raises(ValueError, match="session_id"):
        await lines.find({"session_id": "t"})


async def test_pages_are_stable_under_inserts(lines: Repository[ChatLine]) -> None:
    for n in range(10):
        await lines.add(line(n, rank=None if n % 4 == 0 else n // 3))
    for sort in ([], [("rank", 1)], [("rank", -1)], [("sessionId", 1), ("rank", -1)]):
        seen: list[str] = []
        cursor: str | None = None
        expected = [item.id for item in await lines.find({}, sort=[*sort, ("_id", sort[-1][1] if sort else 1)])]
        while True:
            page = await lines.page({"sessionId": "s"}, sort=sort, limit=3, cursor=cursor)
            seen += [item.id for item in page.items]
            extra = await lines.add(line(1000 + len(seen), session_id="other"))
            cursor = page.next_cursor
            await lines.delete(extra.id)
            if cursor is None:
                break
        assert seen == expected


async def test_fields_that_are_left_out_have_their_defaults(lines: Repository[ChatLine]) -> None:
    await lines.add(line(1, rank=7))
    (found,) = (await lines.page({"rank": 7}, without=["rank"])).items
    (again,) = await lines.find({}, without=["rank"])
    assert found == again and (found.sequence, found.rank) == (1, None)


async def test_a_cursor_of_another_list_is_refused(lines: Repository[ChatLine]) -> None:
    for n in range(3):
        await lines.add(line(n))
    cursor = (await lines.page({}, limit=1)).next_cursor
    assert cursor is not None
    for bad in ("", "x", "%%%", cursor[:-2], "A" + cursor[1:], cursor + "AA"):
        with pytest.raises(Invalid) as caught:
            await lines.page({}, limit=1, cursor=bad)
        assert caught.value.code == "bad_cursor"
    with pytest.raises(Invalid):
        await lines.page({}, sort=[("rank", 1)], limit=1, cursor=cursor)


async def test_numbers_have_no_gaps(database: Database) -> None:
    first, second = Repository(database, ChatLine), Repository(database, ChatLine)
    added = await asyncio.gather(
        *(
            repository.add_numbered(lambda n: line(n, session_id="x"), {"sessionId": "x"})
            for repository in (first, second)
            for _ in range(20)
        )
    )
    assert sorted(item.sequence for item in added) == list(range(1, 41))


async def test_add_if_absent_adds_once(database: Database, lines: Repository[ChatLine]) -> None:
    results = await asyncio.gather(
        *(lines.add_if_absent({"sessionId": "s", "sequence": 7}, line(7)) for _ in range(20))
    )
    assert sum(added for _, added in results) == 1
    assert len({document.id for document, _ in results}) == 1


@pytest.mark.slow
async def test_a_lost_server_is_unavailable_and_comes_back(tmp_path: Path) -> None:
    async with embedded_server(tmp_path) as server:
        database = await Database.open(server.uri, "t", timeout_s=1)
        lines = Repository(database, ChatLine)
        added = await lines.add(line(1))
        await server.kill()
        with pytest.raises(Unavailable):
            await lines.get(added.id)
        await server.start()
        assert await lines.get(added.id) == added
        await database.close()


@pytest.mark.slow
async def test_a_server_that_hangs_is_waited_for_no_longer_than_the_setting_says(tmp_path: Path) -> None:
    async with embedded_server(tmp_path) as server:
        database = await Database.open(server.uri, "t", timeout_s=1)
        lines, now = Repository(database, ChatLine), asyncio.get_running_loop().time
        added = await lines.add(line(1))
        operations: list[Callable[[], Awaitable[object]]] = [
            lambda: lines.get(added.id),
            lambda: lines.find({}),
            lambda: lines.add(line(2)),
            lambda: lines.update(added.id, set={"rank": 1}),
            lambda: lines.update_one({"_id": added.id}, inc={"rank": 1}),
            lambda: lines.delete_many({"_id": added.id}),
            database.ping,
        ]

        async def refused(operation: Callable[[], Awaitable[object]]) -> float:
            began = now()
            with pytest.raises(Unavailable):
                await operation()
            return now() - began

        server.process.send_signal(signal.SIGSTOP)
        try:
            together = await asyncio.gather(*(refused(one) for one in operations))
            afterwards = [await refused(one) for one in operations[:3]]
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert max(*together, *afterwards) < 1.6
        assert (await lines.get(added.id)).sequence == 1
        answers = await asyncio.gather(*(lines.find({"sequence": 1}) for _ in range(50)))
        assert [len(found) for found in answers] == [1] * 50
        await database.close()


async def test_what_changes_many_documents_has_more_time(lines: Repository[ChatLine], database: Database) -> None:
    """A slow one, as the driver asks the server to see it: by the limit that the command carries."""
    limits: dict[str, float] = {}
    run = Database.run

    async def seen(operation: Any, retried: bool = True, limit_s: float | None = None) -> Any:
        with database.limited(limit_s):
            left = _csot.remaining()
        assert left is not None
        limits[asyncio.current_task().get_name()] = left  # type: ignore[union-attr]
        return await run(database, operation, retried, limit_s)

    database.run = seen  # type: ignore[method-assign]
    tasks = {
        "one": lines.delete_many({"_id": new_id()}),
        "many": lines.delete_many({"sessionId": "s"}),
        "all": lines.update_many({}, set={"rank": 1}),
    }
    await asyncio.gather(*(asyncio.create_task(work, name=name) for name, work in tasks.items()))
    assert limits["one"] <= database.timeout_s < limits["many"] and limits["all"] > database.timeout_s


async def test_no_server_at_the_start_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"no MongoDB answers at mongodb://ann@127\.0\.0\.1:1/"):
        await Database.open("mongodb://ann:secret@127.0.0.1:1/", "t", timeout_s=0.2)
    _collect_what_pymongo_left()
    with pytest.raises(StartError, match="embedded document server"):
        await Database.open("embedded", "t", tmp_path, timeout_s=0.2)
    assert embedded_configuration(tmp_path)["socket"] == str(embedded_socket(tmp_path))
    assert len(str(embedded_socket(tmp_path / ("x" * 200)))) < 107


def _collect_what_pymongo_left() -> None:
    """A client that is closed while it connects leaves its socket to the collector: here, not in a later test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
