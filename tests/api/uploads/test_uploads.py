import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import FormData

from mediaserver.base.settings import tree as config
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.uploads.uploads import Use
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.uploads.storage_quota import incoming
from tests.api.served import Client, served, signed_in
from tests.store.conftest import engine, shared_server, uri
from tests.usecases.stored_context import PNG, add_person, stored_context

__all__ = ["engine", "shared_server", "uri"]

UPLOADS = "/api/v1/uploads"


@pytest.fixture
async def ctx(uri: str, tmp_path: Path) -> AsyncIterator[Context]:
    limits = config.Uploads(
        max_image_bytes=1000, max_video_bytes=500_000, max_audio_bytes=1000, max_file_bytes=500_000
    )
    async with stored_context(uri, tmp_path / "data", uploads=limits) as made:
        yield made


@pytest.fixture
async def anna(ctx: Context) -> Actor:
    return await add_person(ctx, "anna")


@pytest.fixture
async def client(ctx: Context) -> AsyncIterator[Client]:
    async with served(ctx) as client:
        yield client


def form(content: bytes, field: str = "file", name: str = "a.png", content_type: str = "text/html") -> FormData:
    made = FormData(quote_fields=False)  # as browsers do
    made.add_field(field, content, filename=name, content_type=content_type)
    return made


async def test_names_are_decoded_as_browsers_write_them(ctx: Context, anna: Actor, client: Client) -> None:
    me = {**signed_in(ctx, anna), "Content-Type": "multipart/form-data; boundary=b"}
    for written, name in (
        ('filename="say %22hi%22%0D%0A.png"', 'say "hi".png'),
        (r'filename="C:\photos\a.png"', "a.png"),
        ("filename*=UTF-8''%E2%82%AC%22.png", '€".png'),
    ):
        head = f'--b\r\nContent-Disposition: form-data; name="file"; {written}\r\n\r\n'.encode()
        async with client.post(UPLOADS, data=head + PNG + b"\r\n--b--\r\n", headers=me) as answer:
            assert answer.status == 201, await answer.text()
            made = await answer.json()
        assert made["name"] == name
        async with client.get(made["url"], headers=signed_in(ctx, anna)) as file:
            assert file.status == 200


async def test_upload_look_fetch_and_delete(ctx: Context, anna: Actor, client: Client) -> None:
    me = signed_in(ctx, anna)
    async with client.post(UPLOADS, data=form(PNG, name="Bär.html"), headers=me) as answer:
        assert answer.status == 201
        made = await answer.json()
        assert answer.headers["Location"] == f"{UPLOADS}/{made['id']}"
    assert (made["contentType"], made["width"], made["height"], made["name"]) == (
        "image/png",
        640,
        360,
        "Bär.html",
    )
    async with client.get(f"{UPLOADS}/{made['id']}", headers=me) as answer:
        assert (answer.status, await answer.json()) == (200, made)
    async with client.get(made["url"]) as answer:
        assert await answer.read() == PNG
    async with client.delete(f"{UPLOADS}/{made['id']}", headers=me) as answer:
        assert answer.status == 204
    async with client.get(f"{UPLOADS}/{made['id']}", headers=me) as answer:
        assert answer.status == 404
    async with client.get(made["url"]) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("size", [1, 255, 262_143, 262_144, 262_145, 400_000])
async def test_every_byte_arrives(ctx: Context, anna: Actor, client: Client, size: int) -> None:
    content = (b"0123456789\r\n--x" * (size // 14 + 1))[:size]
    async with client.post(UPLOADS, data=form(content), headers=signed_in(ctx, anna)) as answer:
        made = await answer.json()
    async with client.get(made["url"]) as answer:
        assert await answer.read() == content


async def test_strangers_see_nothing(ctx: Context, anna: Actor, client: Client) -> None:
    bert = signed_in(ctx, await add_person(ctx, "bert"))
    async with client.post(UPLOADS, data=form(PNG), headers=signed_in(ctx, anna)) as answer:
        path = f"{UPLOADS}/{(await answer.json())['id']}"
    for method in ("GET", "DELETE"):
        async with client.request(method, path) as answer:
            assert answer.status == 401
        async with client.request(method, path, headers=bert) as answer:
            assert (answer.status, (await answer.json())["code"]) == (403, "forbidden")
    async with client.post(UPLOADS, data=form(PNG)) as answer:
        assert answer.status == 401


async def test_used_uploads_are_not_deleted(ctx: Context, anna: Actor, client: Client) -> None:
    me = signed_in(ctx, anna)
    async with client.post(UPLOADS, data=form(PNG), headers=me) as answer:
        made = await answer.json()
    await uploads.mark_used(ctx, made["id"], Use(kind="session", id="1"))
    async with client.delete(f"{UPLOADS}/{made['id']}", headers=me) as answer:
        assert (answer.status, (await answer.json())["code"]) == (409, "in_use")


async def test_too_large_names_the_limit(ctx: Context, anna: Actor, client: Client) -> None:
    async with client.post(UPLOADS, data=form(PNG + bytes(1000)), headers=signed_in(ctx, anna)) as answer:
        problem = await answer.json()
        assert (answer.status, answer.content_type) == (413, "application/problem+json")
    assert problem["code"] == "too_large"
    assert problem["errors"] == [
        {"loc": "file", "msg": "image/png: at most 1,000 bytes (uploads.max_image_bytes)"}
    ]


async def test_much_too_large_is_refused_unread(ctx: Context, anna: Actor, client: Client) -> None:
    headers = {
        **signed_in(ctx, anna),
        "Content-Type": "multipart/form-data; boundary=x",
        "Expect": "100-continue",
    }
    headers["Content-Length"] = str(1 << 40)

    async def never() -> AsyncIterator[bytes]:
        yield b"--x\r\n"
        await asyncio.Event().wait()

    async with client.post(UPLOADS, data=never(), headers=headers) as answer:
        assert answer.status == 413


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{}", "application/json", 415, "unsupported_media_type"),
        (b"", "multipart/form-data", 400, "malformed"),
        (b"", "multipart/form-data; boundary=x", 400, "malformed"),
        (b"nonsense", "multipart/form-data; boundary=x", 400, "malformed"),
        (b"--x\r\nX: " + b"y" * 20_000, "multipart/form-data; boundary=x", 400, "malformed"),
        (b"--x\r\n" + b"X: y\r\n" * 1_000, "multipart/form-data; boundary=x", 400, "malformed"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 422, "invalid"),
        (b"--x\r\n\r\nhello\r\n--x--\r\n", "multipart/form-data; boundary=x", 422, "invalid"),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nhello\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            422,
            "invalid",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            422,
            "invalid",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhello, and then noth',
            "multipart/form-data; boundary=x",
            400,
            "malformed",
        ),
        (
            b'--x\r\nContent-Type: multipart/mixed; boundary=y\r\nContent-Disposition: form-data; name="file"'
            b"\r\n\r\n--y--\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
            422,
            "invalid",
        ),
    ],
)
async def test_bad_forms(
    ctx: Context, anna: Actor, client: Client, body: bytes, content_type: str, status: int, code: str
) -> None:
    headers = {**signed_in(ctx, anna), "Content-Type": content_type}
    async with client.post(UPLOADS, data=body, headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (status, code)
    assert list(incoming(ctx).iterdir()) == []
    assert await ctx.uploads.count({}) == 0


async def test_one_person_has_few_at_once(ctx: Context, anna: Actor, client: Client) -> None:
    me, go = signed_in(ctx, anna), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhel'
        await go.wait()
        yield b"lo\r\n--x--\r\n"

    async def send() -> int:
        headers = {**me, "Content-Type": "multipart/form-data; boundary=x"}
        async with client.post(UPLOADS, data=slow(), headers=headers) as answer:
            return answer.status

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = [group.create_task(send()) for _ in range(4)]
        while len(list(incoming(ctx).iterdir())) < 4:
            await asyncio.sleep(0.01)
        async with client.post(UPLOADS, data=form(PNG), headers=me) as answer:
            assert (answer.status, (await answer.json())["code"]) == (429, "too_many_uploads")
            assert answer.headers["Retry-After"] == "1"
        go.set()
    assert [task.result() for task in running] == [201] * 4
    async with client.post(UPLOADS, data=form(PNG), headers=me) as answer:
        assert answer.status == 201
