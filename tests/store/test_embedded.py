"""The embedded server alone: what was acknowledged survives, indexes are used, the unknown is refused."""

import asyncio
import struct
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from mediaserver.base.errors import Problem
from mediaserver.documentserver.wire import HEADER, OP_MSG
from tests.store.conftest import EmbeddedServer, embedded_server

Database = AsyncDatabase[dict[str, Any]]


@pytest.fixture
async def directory() -> AsyncIterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ms-") as directory:
        yield Path(directory)


async def until(condition: Callable[[], Any], timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not await condition():
            await asyncio.sleep(0.01)


# ------------------------------------------------------------------------------------------------ durability


async def test_what_was_acknowledged_survives_a_kill(directory: Path) -> None:
    server = EmbeddedServer(directory)
    await server.start()
    acknowledged: list[str] = []

    async def write(client: AsyncMongoClient[dict[str, Any]], writer: int) -> None:
        for n in range(10_000):
            try:
                await client.t.c.insert_one({"_id": f"{writer}-{n}", "k": n, "pad": "x" * 300})
            except PyMongoError:
                return
            acknowledged.append(f"{writer}-{n}")

    async with AsyncMongoClient[dict[str, Any]](server.uri, serverSelectionTimeoutMS=300) as client:
        await client.t.c.create_index([("k", 1)])
        writers = [asyncio.create_task(write(client, writer)) for writer in range(8)]

        async def enough() -> bool:
            return len(acknowledged) >= 200

        await until(enough)
        await server.kill()
        await asyncio.gather(*writers)
    await server.start()
    async with AsyncMongoClient[dict[str, Any]](server.uri) as client:
        stored = {item["_id"] async for item in client.t.c.find({})}
        assert set(acknowledged) <= stored
        by_index = {item["_id"] async for item in client.t.c.find({"k": {"$gte": 0}})}
        assert by_index == stored
        await client.t.c.insert_one({"_id": "after"})
    assert await server.stop() == 0


async def test_a_stopped_server_leaves_one_file(directory: Path) -> None:
    async with embedded_server(directory) as server, AsyncMongoClient[dict[str, Any]](server.uri) as client:
        await client.t.c.insert_one({"_id": 1})
    assert [path.name for path in directory.iterdir()] == ["documents.sqlite"]
    async with embedded_server(directory) as server, AsyncMongoClient[dict[str, Any]](server.uri) as client:
        assert await client.t.c.find_one() == {"_id": 1}
        assert await server.channel.request("ping", {}) == {}


@pytest.mark.slow  # SQLite waits for the lock before it gives up
async def test_a_second_server_on_the_same_file_is_refused(directory: Path) -> None:
    async with embedded_server(directory) as first:
        second = EmbeddedServer(directory)
        second.socket = directory / "other.sock"
        with pytest.raises(Problem, match="locked"):
            await second.start()
        await second.stop()
        async with AsyncMongoClient[dict[str, Any]](first.uri) as client:
            await client.t.c.insert_one({"_id": 1})


async def test_indexes_and_what_they_know_survive_a_restart(directory: Path) -> None:
    async with embedded_server(directory) as server, AsyncMongoClient[dict[str, Any]](server.uri) as client:
        await client.t.c.create_index([("a", 1)], unique=True, partialFilterExpression={"b": {"$gt": 1}})
        await client.t.c.create_index([("tags", 1)])
        await client.t.c.insert_one({"_id": 1, "a": 1, "b": 2, "tags": [1, 9]})
    async with embedded_server(directory) as server, AsyncMongoClient[dict[str, Any]](server.uri) as client:
        with pytest.raises(OperationFailure) as caught:
            await client.t.c.insert_one({"a": 1, "b": 3})
        assert caught.value.code == 11000
        assert await client.t.c.count_documents({"tags": {"$gt": 5, "$lt": 3}}) == 1


# ------------------------------------------------------------------------------------------------ plans


async def plan(db: Database, filter: dict[str, Any], sort: Any = None) -> tuple[str, int]:
    cursor = db.c.find(filter)
    found = await (cursor.sort(sort) if sort else cursor).explain()
    stage = found["queryPlanner"]["winningPlan"]
    return stage.get("indexName", stage["stage"]), found["executionStats"]["totalDocsExamined"]


async def test_indexed_finds_look_only_at_what_they_find(local: Database) -> None:
    await local.c.insert_many(
        [{"_id": n, "user": f"u{n % 10}", "at": n, "even": n % 2 == 0, "tags": [n, -n]} for n in range(500)]
    )
    await local.c.create_index([("user", 1), ("at", -1)])
    await local.c.create_index([("tags", 1)])
    await local.c.create_index([("at", 1)], partialFilterExpression={"even": True})
    assert await plan(local, {"_id": 7}) == ("_id_", 1)
    assert await plan(local, {"_id": {"$in": [1, 2, 3]}}) == ("_id_", 3)
    assert await plan(local, {"user": "u3"}) == ("user_1_at_-1", 50)
    assert await plan(local, {"user": "u3", "at": {"$gte": 100, "$lt": 200}}) == ("user_1_at_-1", 10)
    assert await plan(local, {"user": "u3"}, [("at", -1)]) == ("user_1_at_-1", 50)
    assert await plan(local, {"user": "u3"}, [("at", 1)]) == ("user_1_at_-1", 50)
    assert await plan(local, {"user": {"$in": ["u3", "u4"]}}, [("at", 1)]) == ("SORT_MERGE", 100)
    assert await plan(local, {"user": {"$in": ["u3", "u4"]}}, [("even", 1)]) == ("SORT", 100)
    assert await plan(local, {"tags": -4}) == ("tags_1", 1)
    assert await plan(local, {"$or": [{"_id": 1}, {"user": "u3", "at": 13}]}) == ("_id_", 2)
    assert await plan(local, {"even": True, "at": {"$lt": 10}}) == ("at_1", 5)
    assert await plan(local, {"at": {"$lt": 10}}) == ("COLLSCAN", 500)
    assert await plan(local, {}, [("_id", -1)]) == ("_id_", 500)
    assert await plan(local, {"at": {"$lt": 10}}, [("at", 1)]) == ("SORT", 500)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, -1.0, float("nan")]),
    st.sampled_from(["", "a", "ab", "b"]),
    st.lists(st.one_of(st.none(), st.integers(-3, 3), st.sampled_from(["a", "b"])), max_size=3),
    st.fixed_dictionaries({"x": st.integers(-2, 2)}), st.lists(st.fixed_dictionaries({"x": st.integers(-2, 2)}), max_size=2),  # noqa: E501
)  # fmt: skip
DOCUMENTS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), max_size=8)
OPERANDS = st.one_of(
    VALUES,
    st.dictionaries(
        st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$eq", "$ne"]), VALUES, min_size=1, max_size=2
    ),
    st.fixed_dictionaries({"$in": st.lists(VALUES, max_size=3)}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
)
CONDITIONS = st.dictionaries(st.sampled_from(["a", "b", "c", "a.x", "b.0"]), OPERANDS, min_size=1, max_size=3)
FILTERS = st.one_of(CONDITIONS, st.fixed_dictionaries({"$or": st.lists(CONDITIONS, min_size=1, max_size=2)}))
SORTS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from([1, -1])),
    max_size=2,
    unique_by=lambda pair: pair[0],
)


@settings(max_examples=150, deadline=None)
@given(documents=DOCUMENTS, filters=st.lists(FILTERS, min_size=3, max_size=8), sort=SORTS)
def test_an_index_changes_no_answer(
    documents: list[dict[str, Any]], filters: list[dict[str, Any]], sort: list[tuple[str, int]]
) -> None:
    """The same documents and queries with and without indexes, straight at the storage."""
    from mediaserver.documentserver.errors import CommandError
    from mediaserver.documentserver.finding import Query
    from mediaserver.documentserver.matching.filters import Filter
    from mediaserver.documentserver.planning.indexes import parse_index
    from mediaserver.documentserver.storage import Storage

    storage = Storage(":memory:", "OFF")
    bare, indexed = storage.make("t", "bare"), storage.make("t", "indexed")
    keys: list[dict[str, Any]] = [
        {"a": 1}, {"b": -1}, {"a": -1, "b": 1}, {"b": 1, "c": -1}, {"a.x": 1}, {"b.0": 1}, {"c": 1, "a": 1}
    ]  # fmt: skip
    try:
        for at, key in enumerate(keys):
            storage.add_index(indexed, parse_index({"key": key, "name": f"i{at}"}))
        storage.add_index(indexed, parse_index({"key": {"c": 1}, "name": "sparse", "sparse": True}))
        partial = {"b": {"$gte": 0}}
        storage.add_index(
            indexed, parse_index({"key": {"a": 1}, "name": "p", "partialFilterExpression": partial})
        )
        for number, document in enumerate(documents):
            full = bson.decode(bson.encode({"_id": number, **document}))
            try:
                indexed.insert(full)
            except CommandError as error:
                assert error.code == 171  # parallel arrays: such a document is in neither
                continue
            bare.insert(full)
        for filter_ in filters:
            for order in ([], [*sort, ("_id", 1)]):
                expected = [found.document["_id"] for found in Query(Filter(filter_), order).run(bare)]
                got = [found.document["_id"] for found in Query(Filter(filter_), order).run(indexed)]
                assert (got if order else sorted(got)) == expected
    finally:
        storage.sql.close()


@settings(max_examples=100, deadline=None)
@given(
    versions=st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), min_size=2, max_size=8),
    filters=st.lists(FILTERS, min_size=3, max_size=8),
)
def test_indexes_follow_what_changes(versions: list[dict[str, Any]], filters: list[dict[str, Any]]) -> None:
    """A document that took each of these forms in turn is found by the last, and by no earlier one."""
    from mediaserver.documentserver.errors import CommandError
    from mediaserver.documentserver.finding import Query
    from mediaserver.documentserver.matching.filters import Filter
    from mediaserver.documentserver.planning.indexes import parse_index
    from mediaserver.documentserver.storage import Storage

    storage = Storage(":memory:", "OFF")
    collection = storage.make("t", "c")
    sources: list[dict[str, Any]] = [
        {"key": {"a": 1}}, {"key": {"b": -1, "a": 1}}, {"key": {"a.x": 1}}, {"key": {"c": 1}, "sparse": True},
        {"key": {"a": 1}, "partialFilterExpression": {"b": {"$gte": 0}}},
        {"key": {"a": 1, "_id": 1}},
    ]  # fmt: skip
    try:
        for at, source in enumerate(sources):
            storage.add_index(collection, parse_index({**source, "name": f"i{at}"}))
        present: dict[str, Any] = {"_id": 1}
        collection.insert(present)
        for version in versions:
            following = bson.decode(bson.encode({"_id": 1, **version}))
            try:
                collection.replace(1, present, following)
            except CommandError as error:
                assert error.code == 171  # parallel arrays: it stays as it was
                continue
            present = following
        for filter_ in filters:
            found = [item.document for item in Query(Filter(filter_)).run(collection)]
            assert bool(found) == Filter(filter_).matches(present), filter_
        for index in collection.indexes[1:]:
            kept = {key for (key,) in storage.sql.execute(f"SELECT key FROM i{index.id}")}
            assert kept == set(index.keys(present)), index.name
    finally:
        storage.sql.close()


# ------------------------------------------------------------------------------------------------ time


async def test_a_ttl_index_lets_documents_expire(directory: Path) -> None:
    now = datetime.now(UTC)
    async with (
        embedded_server(directory, ttl_sweep_s=0.05) as server,
        AsyncMongoClient[dict[str, Any]](server.uri) as client,
    ):
        await client.t.c.create_index([("at", 1)], expireAfterSeconds=60)
        await client.t.c.insert_many(
            [
                {"_id": "old", "at": now - timedelta(seconds=61)},
                {"_id": "new", "at": now},
                {"_id": "text", "at": "2001"},
                {"_id": "none"},
            ]
        )

        async def swept() -> bool:
            return await client.t.c.count_documents({"_id": "old"}) == 0

        await until(swept)
        assert sorted([item["_id"] async for item in client.t.c.find({})]) == ["new", "none", "text"]


async def test_an_idle_cursor_is_forgotten(directory: Path) -> None:
    async with (
        embedded_server(directory, ttl_sweep_s=0.05, cursor_idle_s=0.1) as server,
        AsyncMongoClient[dict[str, Any]](server.uri) as client,
    ):
        await client.t.c.insert_many([{"_id": n} for n in range(10)])
        number = (await client.t.command({"find": "c", "batchSize": 2}))["cursor"]["id"]

        async def gone() -> bool:
            return not (await client.t.command({"killCursors": "c", "cursors": [number]}))["cursorsKilled"]

        await asyncio.sleep(0.3)  # killing would end it too, so that there is no condition to wait for
        assert await gone()


# ------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ({"find": "c", "collation": {"locale": "de"}}, "collation"),
        ({"find": "c", "tailable": True}, "tailable"),
        ({"find": "c", "filter": {"$where": "1"}}, "$where"),
        ({"find": "c", "filter": {"$expr": {"$gt": ["$a", 1]}}}, "$expr"),
        ({"find": "c", "filter": {"a": {"$mod": [2, 0]}}}, "$mod"),
        ({"find": "c", "projection": {"a": {"$slice": 1}}}, "$slice"),
        ({"aggregate": "c", "pipeline": [{"$out": "d"}], "cursor": {}}, "$out"),
        ({"aggregate": "c", "pipeline": [{"$lookup": {"from": "d", "pipeline": [], "as": "e"}}], "cursor": {}}, "pipeline"),  # noqa: E501
        ({"update": "c", "updates": [{"q": {}, "u": {"$rename": {"a": "b"}}}]}, "$rename"),
        ({"update": "c", "updates": [{"q": {}, "u": [{"$set": {"a": 1}}]}]}, "pipelines"),
        ({"update": "c", "updates": [{"q": {}, "u": {"$set": {"a.$[]": 1}}}]}, "$[]"),
        ({"update": "c", "updates": [{"q": {}, "u": {"$set": {"a": 1}}, "arrayFilters": []}]}, "arrayFilters"),
        ({"update": "c", "updates": [{"q": {}, "u": {"$push": {"a": {"$each": [], "$slice": 1}}}}]}, "$slice"),
        ({"createIndexes": "c", "indexes": [{"key": {"a": "2d"}, "name": "a"}]}, "2d"),
        ({"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a", "collation": {}}]}, "collation"),
        ({"create": "c", "capped": True}, "capped"),
        ({"watch": 1}, "watch"),
    ],
    ids=str,
)  # fmt: skip
async def test_what_is_not_known_is_refused_by_name(local: Database, command: dict[str, Any], names: str) -> None:
    await local.c.insert_one({"_id": 1, "a": [1]})
    try:
        reply = await local.command(command)
        messages = [error["errmsg"] for error in reply.get("writeErrors", [])]
    except OperationFailure as error:
        messages = [str(error)]
    assert messages and names in messages[0]
    assert await local.c.find_one() == {"_id": 1, "a": [1]}


async def test_a_slow_query_ends_in_time(local: Database) -> None:
    await local.c.insert_many([{"a": "x" * 20_000} for _ in range(2000)])
    with pytest.raises(OperationFailure) as caught:
        await local.c.find({"a": {"$regex": "y$"}}).max_time_ms(1).to_list()
    assert caught.value.code == 50


# ------------------------------------------------------------------------------------------------ hostile bytes


def message(payload: bytes, operation: int = OP_MSG) -> bytes:
    return HEADER.pack(HEADER.size + len(payload), 1, 0, operation) + payload


def body(document: dict[str, Any]) -> bytes:
    return bytes(5) + bson.encode(document)


GARBAGE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"\xff" * 64,
    message(b""),
    message(bytes(4)),
    message(bytes(4) + b"\x02" + bson.encode({"ping": 1})),
    message(bytes(5) + struct.pack("<i", 1 << 30)),
    message(bytes(5) + struct.pack("<i", -5)),
    message(struct.pack("<I", 4) + b"\0" + bson.encode({"ping": 1})),
    message(bytes(4) + b"\x01" + struct.pack("<i", 9) + b"name\0"),
    message(bytes(30), 2004),
    message(bytes(30), 2012),
    HEADER.pack(1 << 30, 1, 0, OP_MSG),
    HEADER.pack(3, 1, 0, OP_MSG),
]


async def exchange(socket_path: str, data: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(socket_path)
    try:
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_garbage_ends_its_own_connection_only(directory: Path) -> None:
    async with (
        embedded_server(directory) as server,
        AsyncMongoClient[dict[str, Any]](server.uri) as client,
    ):
        await client.t.c.insert_one({"_id": 1})
        sound = message(body({"ping": 1, "$db": "admin"}))
        for garbage in [*GARBAGE, *(sound[:cut] for cut in range(len(sound)))]:
            assert await exchange(str(server.socket), garbage) == b"", garbage
        malformed = await exchange(str(server.socket), message(bytes(5) + struct.pack("<i", 9) + b"\x99aaa\0"))
        assert bson.decode(malformed[21:])["code"] == 22
        assert await client.t.c.find_one() == {"_id": 1}
        deep: dict[str, Any] = {}
        for _ in range(3000):
            deep = {"a": deep}
        with pytest.raises((OperationFailure, AutoReconnect, RecursionError, bson.errors.BSONError)):
            await client.t.c.find_one(deep)
        assert await client.t.c.find_one() == {"_id": 1}
        assert server.process.returncode is None
