"""Uploads that are too slow, too many or too much for the disk end with a clear error; honest ones go on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientResponse

from mediaserver.base.processes.disk import DiskReserve
from mediaserver.base.settings import tree as config
from mediaserver.domain.documents.actor import Actor
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads.storage_quota import incoming
from tests.api.served import Client, served, signed_in
from tests.api.uploads.test_uploads import UPLOADS, form
from tests.store.conftest import engine, shared_server, uri
from tests.usecases.stored_context import PNG, add_person, stored_context

__all__ = ["engine", "shared_server", "uri"]

HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
TAIL = b"\r\n--x--\r\n"
FREE = 10_000_000


class Disk:
    """A file system whose free space the test sets."""

    def __init__(self) -> None:
        self.free = FREE

    def __call__(self, directory: Path) -> int:
        return self.free


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
async def ctx(uri: str, tmp_path: Path, disk: Disk) -> AsyncIterator[Context]:
    limits = config.Uploads(
        max_concurrent=4, max_concurrent_per_person=2, min_bytes_per_s=2000, slow_grace_s=2.0, max_duration_s=30
    )
    reserve = DiskReserve(tmp_path, 5_000_000, disk)
    async with stored_context(uri, tmp_path / "data", reserve, uploads=limits) as made:
        yield made


@pytest.fixture
async def client(ctx: Context) -> AsyncIterator[Client]:
    async with served(ctx) as client:
        yield client


def post(ctx: Context, client: Client, who: Actor, body: AsyncIterator[bytes]):  # type: ignore[no-untyped-def]
    headers = {**signed_in(ctx, who), "Content-Type": "multipart/form-data; boundary=x"}
    return client.post(UPLOADS, data=body, headers=headers)


async def code(answer: ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json())["code"]


async def paced(size: int, bytes_per_s: float) -> AsyncIterator[bytes]:
    """A file of `size` bytes at a steady rate; late pieces are made up for."""
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), 0
    yield HEAD
    while sent < size:
        await asyncio.sleep(0.1)
        piece = min(size, int((loop.time() - began) * bytes_per_s)) - sent
        if piece > 0:
            yield bytes(piece)
            sent += piece
    yield TAIL


@pytest.mark.slow
async def test_a_slow_upload_at_an_allowed_rate_succeeds(ctx: Context, client: Client) -> None:
    anna = await add_person(ctx, "anna")
    async with post(ctx, client, anna, paced(20_000, 4000)) as answer:  # longer than the grace
        assert answer.status == 201
        assert (await answer.json())["size"] == 20_000


async def test_an_upload_below_the_minimum_rate_is_ended(ctx: Context, client: Client) -> None:
    anna = await add_person(ctx, "anna")
    async with asyncio.timeout(30), post(ctx, client, anna, paced(20_000, 200)) as answer:
        assert await code(answer) == (408, "too_slow")
        assert "2,000 bytes a second" in (await answer.json())["detail"]
    assert list(incoming(ctx).iterdir()) == []
    assert await ctx.uploads.count({}) == 0


async def test_an_upload_that_takes_too_long_is_ended(uri: str, tmp_path: Path) -> None:
    limits = config.Uploads(max_duration_s=1.0)
    async with stored_context(uri, tmp_path / "data", uploads=limits) as ctx, served(ctx) as client:
        anna = await add_person(ctx, "anna")
        async with asyncio.timeout(30), post(ctx, client, anna, paced(100_000_000, 100_000)) as answer:
            assert await code(answer) == (408, "too_slow")
            assert "1 seconds at most" in (await answer.json())["detail"]


async def test_a_newcomer_displaces_an_upload_of_who_holds_most(ctx: Context, client: Client) -> None:
    people = [await add_person(ctx, name) for name in ("eve", "eva", "bob")]
    answers: list[tuple[int, str]] = []

    async def trickle(who: Actor) -> None:
        async with post(ctx, client, who, paced(200_000, 4000)) as answer:
            answers.append(await code(answer))

    trickles = [asyncio.create_task(trickle(who)) for who in people[:2] for _ in range(2)]
    async with asyncio.timeout(20):
        while len(list(incoming(ctx).iterdir())) < 4:
            await asyncio.sleep(0.01)
        async with client.post(UPLOADS, data=form(PNG), headers=signed_in(ctx, people[2])) as answer:
            assert answer.status == 201
        while not answers:
            await asyncio.sleep(0.01)
    assert answers == [(429, "upload_displaced")]
    assert sum(task.done() for task in trickles) == 1
    for task in trickles:
        task.cancel()
    await asyncio.wait(trickles)


async def test_a_file_that_the_disk_has_no_room_for_is_refused_unread(
    ctx: Context, client: Client, disk: Disk
) -> None:
    anna = await add_person(ctx, "anna")
    disk.free = 5_000_100
    async with client.post(UPLOADS, data=form(PNG), headers=signed_in(ctx, anna)) as answer:
        assert await code(answer) == (507, "disk_reserve")
    disk.free = FREE
    async with client.post(UPLOADS, data=form(PNG), headers=signed_in(ctx, anna)) as answer:
        assert answer.status == 201


async def test_an_upload_ends_when_the_disk_reserve_is_reached_meanwhile(
    ctx: Context, client: Client, disk: Disk
) -> None:
    anna = await add_person(ctx, "anna")

    async def body() -> AsyncIterator[bytes]:
        yield HEAD + b"first"
        while not any(path.stat().st_size == 0 for path in incoming(ctx).glob("*/file")):
            await asyncio.sleep(0.01)
        disk.free = 5_000_000
        while True:
            yield bytes(1000)
            await asyncio.sleep(0.01)

    async with asyncio.timeout(20), post(ctx, client, anna, body()) as answer:
        assert await code(answer) == (507, "disk_reserve")
    assert list(incoming(ctx).iterdir()) == []
    assert await ctx.uploads.count({}) == 0


@pytest.mark.parametrize(
    "header", [b"Content-Encoding: gzip", b"Content-Transfer-Encoding: base64", b"Content-Encoding: nonsense"]
)
async def test_a_file_in_an_encoded_form_is_refused(ctx: Context, client: Client, header: bytes) -> None:
    anna = await add_person(ctx, "anna")

    async def body() -> AsyncIterator[bytes]:
        yield HEAD.replace(b"\r\n\r\n", b"\r\n" + header + b"\r\n\r\n") + b"aGVsbG8=" + TAIL

    async with post(ctx, client, anna, body()) as answer:
        assert await code(answer) == (415, "content_encoding")
    assert await ctx.uploads.count({}) == 0


async def test_a_plain_transfer_encoding_is_taken(ctx: Context, client: Client) -> None:
    anna = await add_person(ctx, "anna")

    async def body() -> AsyncIterator[bytes]:
        yield HEAD.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: binary\r\n\r\n") + b"hello" + TAIL

    async with post(ctx, client, anna, body()) as answer:
        assert answer.status == 201
