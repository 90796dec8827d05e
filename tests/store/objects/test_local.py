import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from mediaserver.base.errors import StartError, Unavailable
from mediaserver.base.settings.tree import Objects
from mediaserver.store.objects import open_objects
from mediaserver.store.objects.local import LocalObjects


async def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    store = LocalObjects(tmp_path / "objects")
    await store.put_bytes("a/b", b"old", "text/plain")
    with pytest.raises(Unavailable, match="No such file"):
        await store.put_file("a/b", tmp_path / "missing", "text/plain")
    assert [chunk async for chunk in store.read("a/b")] == [b"old"]
    assert list((tmp_path / "objects" / ".fresh").iterdir()) == []


async def test_a_file_is_linked_and_not_copied(tmp_path: Path) -> None:
    source = tmp_path / "film"
    source.write_bytes(b"frames")
    objects = LocalObjects(tmp_path / "objects")
    info = await objects.put_file("a/film", source, "video/mp4")
    kept = tmp_path / "objects" / "a" / "film"
    assert kept.stat().st_ino == source.stat().st_ino
    assert kept.stat().st_mode & 0o777 == 0o600
    source.unlink()
    assert (info.size, info.content_type) == (6, "video/mp4")
    assert [chunk async for chunk in objects.read("a/film")] == [b"frames"]
    assert list((tmp_path / "objects" / ".fresh").iterdir()) == []


async def test_a_file_that_cannot_be_linked_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", refuse)
    source = tmp_path / "film"
    source.write_bytes(b"frames")
    objects = LocalObjects(tmp_path / "objects")
    assert (await objects.put_file("a/film", source, "video/mp4")).size == 6
    assert (tmp_path / "objects" / "a" / "film").stat().st_ino != source.stat().st_ino
    assert list((tmp_path / "objects" / ".fresh").iterdir()) == []


async def test_deleting_leaves_no_empty_directories(tmp_path: Path) -> None:
    store = LocalObjects(tmp_path / "objects")
    await store.put_bytes("a/b/c", b"x", "text/plain")
    await store.delete("a/b/c")
    assert sorted(path.name for path in (tmp_path / "objects").rglob("*")) == [".fresh", ".types"]


async def test_there_is_no_presigned_url(tmp_path: Path) -> None:
    store = LocalObjects(tmp_path / "objects")
    await store.put_bytes("a", b"x", "text/plain")
    assert await store.presigned_url("a", 60, "text/plain") is None
    assert await store.presigned_put("a", 60, "text/plain", 1) is None


async def test_what_killed_writers_left_goes_at_the_next_start(tmp_path: Path) -> None:
    fresh = tmp_path / "objects" / ".fresh"
    fresh.mkdir(parents=True)
    old, young = fresh / "old", fresh / "young"
    for left in (old, young):
        left.write_bytes(b"half")
    os.utime(old, (0, 0))
    LocalObjects(tmp_path / "objects")
    assert list(fresh.iterdir()) == [young]


async def test_a_directory_that_is_a_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("in the way")
    with pytest.raises(StartError, match=r"the directory .*objects cannot be made"):
        await open_objects(Objects(), tmp_path)


async def test_a_directory_that_went_away_is_told(tmp_path: Path) -> None:
    store = LocalObjects(tmp_path / "objects")
    (tmp_path / "objects" / ".fresh").rmdir()
    with pytest.raises(Unavailable, match="the object directory"):
        await store.check()


async def test_a_file_that_opens_too_late_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, files, go = LocalObjects(tmp_path / "objects"), list[BinaryIO](), threading.Event()
    await store.put_bytes("a", b"x", "text/plain")
    really_open = store._open

    def slowly(key: str, start: int) -> BinaryIO:
        go.wait(10)
        files.append(really_open(key, start))
        return files[0]

    monkeypatch.setattr(store, "_open", slowly)
    reading = asyncio.ensure_future(anext(store.read("a")))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    go.set()
    async with asyncio.timeout(10):
        while not (files and files[0].closed):
            await asyncio.sleep(0.01)
