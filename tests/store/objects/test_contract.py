"""What every store of objects does, run against each."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mediaserver.base.errors import NotFound
from mediaserver.store.objects import CHUNK_BYTES, ObjectStore

BIG = bytes(range(256)) * 80_000  # 20 MB: several parts


async def content(store: ObjectStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(key, start, end)])


async def keys(store: ObjectStore, prefix: str) -> list[str]:
    return [listed.key async for listed in store.list(prefix)]


async def test_what_is_put_is_there(store: ObjectStore) -> None:
    put = await store.put_bytes("uploads/1/a.txt", b"hello", "text/plain")
    found = await store.stat("uploads/1/a.txt")
    assert found == put
    assert (found.size, found.content_type) == (5, "text/plain")
    assert found.etag
    assert '"' not in found.etag
    assert abs(datetime.now(UTC) - found.modified) < timedelta(minutes=1)
    assert await content(store, "uploads/1/a.txt") == b"hello"


async def test_a_large_file(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "big.mp4"
    source.write_bytes(BIG)
    assert (await store.put_file("recordings/1/program.mp4", source, "video/mp4")).size == len(BIG)
    assert source.exists()
    chunks = [chunk async for chunk in store.read("recordings/1/program.mp4")]
    assert b"".join(chunks) == BIG
    assert max(map(len, chunks)) <= CHUNK_BYTES
    assert (await store.stat("recordings/1/program.mp4")).content_type == "video/mp4"


@pytest.mark.parametrize(("start", "end"), [(0, 1), (3, 7), (5, None), (9, 10), (0, None), (2, 200_000)])
async def test_a_part(store: ObjectStore, start: int, end: int | None) -> None:
    await store.put_bytes("a/b", b"0123456789", "text/plain")
    assert await content(store, "a/b", start, end) == b"0123456789"[start:end]


async def test_an_empty_object(store: ObjectStore) -> None:
    assert (await store.put_bytes("a/empty", b"", "text/plain")).size == 0
    assert await content(store, "a/empty") == b""


async def test_leaving_early_reads_no_further(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "big"
    source.write_bytes(BIG)
    await store.put_file("a/big", source, "video/mp4")
    async with aclosing(store.read("a/big")) as chunks:
        first = await anext(chunks)
    assert BIG.startswith(first)


async def test_many_readers_at_once(store: ObjectStore) -> None:
    await store.put_bytes("a/b", BIG[:1_000_000], "video/mp4")
    found = await asyncio.gather(*(content(store, "a/b", n) for n in range(40)))
    assert all(one == BIG[n:1_000_000] for n, one in enumerate(found))


async def test_putting_again_replaces_and_changes_the_etag(store: ObjectStore) -> None:
    before = await store.put_bytes("a/b", b"old", "text/plain")
    after = await store.put_bytes("a/b", b"new", "image/png")
    assert await content(store, "a/b") == b"new"
    assert after.content_type == "image/png"
    assert before.etag != after.etag


async def test_what_is_not_there(store: ObjectStore) -> None:
    await store.put_bytes("a/b", b"x", "text/plain")
    for key in ("a/c", "a", "a/b/c", "none"):
        with pytest.raises(NotFound):
            await store.stat(key)
        with pytest.raises(NotFound):
            await content(store, key)
    await store.delete("a/c")


async def test_deleting(store: ObjectStore) -> None:
    await store.put_bytes("a/b", b"x", "text/plain")
    await store.put_bytes("a/c", b"y", "text/plain")
    await store.delete("a/b")
    with pytest.raises(NotFound):
        await store.stat("a/b")
    assert await keys(store, "a/") == ["a/c"]


async def test_listing_by_prefix_in_order(store: ObjectStore) -> None:
    for key in ("rec/2/b", "rec/1/a", "rec/1/sub/c", "rec/10/d", "other/x"):
        await store.put_bytes(key, key.encode(), "text/plain")
    assert await keys(store, "rec/1/") == ["rec/1/a", "rec/1/sub/c"]
    assert await keys(store, "rec/1") == ["rec/1/a", "rec/1/sub/c", "rec/10/d"]
    assert await keys(store, "") == ["other/x", "rec/1/a", "rec/1/sub/c", "rec/10/d", "rec/2/b"]
    assert [listed.size async for listed in store.list("rec/10/")] == [8]
    assert await keys(store, "none/") == []


async def test_a_key_never_leads_outside(store: ObjectStore) -> None:
    climbing = ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".types/a", "a/.hidden"]
    for key in [*climbing, "a\\b", "a b", "é", "a\0", "x" * 600]:
        with pytest.raises(NotFound):
            await store.stat(key)
        with pytest.raises(NotFound):
            await content(store, key)
        with pytest.raises(NotFound):
            await store.delete(key)
        with pytest.raises(AssertionError):
            await store.put_bytes(key, b"x", "text/plain")


async def test_it_is_ready(store: ObjectStore) -> None:
    await store.check()
