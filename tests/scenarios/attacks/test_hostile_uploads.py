"""Uploads that trickle, and bodies that decode to more than they are: others upload and meet as before."""

import asyncio
import contextlib
import gzip
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.server import Person, Server
from tests.scenarios.bystander import Bystander, resident_kib

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
TAIL = b"\r\n--x--\r\n"
MAX_GROWTH_KIB = 64 * 1024


async def trickle(server: Server, person: Person) -> int:
    """An upload that sends a few bytes now and then; the status that it ends with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(
            f"POST /api/v1/uploads HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
            f"Authorization: Bearer {person.token}\r\nContent-Length: 100000000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode()
            + HEAD
            + bytes(300_000)
        )
        answer = asyncio.create_task(reader.readline())
        while not answer.done():
            with contextlib.suppress(ConnectionError):  # what was answered before can still be read
                writer.write(b"-")
            await asyncio.wait([answer], timeout=0.5)
        return int(answer.result().split()[1])
    finally:
        writer.close()


async def upload(person: Person, content: bytes) -> tuple[int, dict[str, object]]:
    form = aiohttp.FormData()
    form.add_field("file", content, filename="work.txt")
    return await person.request("POST", "/uploads", data=form)


def incoming(server: Server) -> int:
    return len(list((server.data / "incoming").glob("upload-*")))


def files(server: Server) -> set[Path]:
    return {path for path in (server.data / "objects").rglob("*") if path.is_file()}


async def test_thirty_two_trickling_uploads_keep_nobody_out(server: Server, http: aiohttp.ClientSession) -> None:
    hostile = [await Person.register(http, server.url, f"trickle-{number}") for number in range(8)]
    honest = await Person.register(http, server.url, "honest")
    async with Bystander.beside(server) as bystander:
        quiet = await bystander.observe(2)
        before_kib = resident_kib(server.pid)
        attack = [asyncio.create_task(trickle(server, person)) for person in hostile for _ in range(4)]
        try:
            async with asyncio.timeout(20):
                while incoming(server) < len(attack):
                    await asyncio.sleep(0.05)
            attacked = asyncio.create_task(bystander.observe(3))
            for number in range(3):
                status, made = await upload(honest, b"my homework" * (number + 1))
                assert status == 201, made
            await attacked
            grown_kib = resident_kib(server.pid) - before_kib
        finally:
            ended = [task.result() for task in attack if task.done()]
            for task in attack:
                task.cancel()
            await asyncio.gather(*attack, return_exceptions=True)
    attacked.result().assert_undisturbed(quiet)
    assert grown_kib < MAX_GROWTH_KIB
    # Each honest upload took one place; the next ones found the place of the one before.
    assert ended and set(ended) == {429}


async def test_a_body_that_decodes_to_a_thousand_times_its_size_is_refused_and_stores_nothing(
    server: Server, http: aiohttp.ClientSession
) -> None:
    person = await Person.register(http, server.url, "bomber")
    body = gzip.compress(HEAD + bytes(90_000_000) + TAIL, 9)
    assert len(body) < 100_000
    before_kib, stored = resident_kib(server.pid), files(server)
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Encoding": "gzip"}
    for path in ("/uploads", "/tweets", "/auth/login"):
        status, problem = await person.request("POST", path, data=body, headers=headers)
        assert (status, problem["code"]) == (415, "content_encoding")
    # Also where no route of the API reads the body.
    async with http.post(
        f"{server.url}/socket.io/?EIO=4&transport=polling", data=body, headers=headers
    ) as answer:
        assert answer.status == 415
    assert resident_kib(server.pid) - before_kib < MAX_GROWTH_KIB
    assert incoming(server) == 0
    assert files(server) == stored
