"""A request body with a content coding is refused by every route, before anything decodes it."""

import gzip
import re

import pytest

from mediaserver.api import declared
from tests.api.conftest import Client, bearer
from tests.usecases.world import World

BOMB = gzip.compress(bytes(10_000_000))
ROUTES = sorted({(e.method, e.prefix + e.path) for e in declared() if e.method != "GET"})


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_route_refuses_an_encoded_body(client: Client, method: str, path: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    path = re.sub(r"{\w+}", "0123456789abcdef0123456789", path)
    async with client.request(method, path, data=BOMB, headers=headers) as answer:
        problem = await answer.json()
        assert (answer.status, problem["code"]) == (415, "content_encoding")
        assert answer.headers["Accept-Encoding"] == "identity"
    assert problem["detail"] == "Send the body without Content-Encoding."


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x-gzip", "identity, gzip", "nonsense"])
async def test_every_coding_is_refused(client: Client, coding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    async with client.post("/api/v1/auth/login", data=gzip.compress(b"{}"), headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (415, "content_encoding")


async def test_identity_is_no_encoding(world: World, client: Client) -> None:
    headers = {**bearer(await world.token("anna")), "Content-Encoding": "identity"}
    async with client.post("/api/v1/tweets", json={"content": {"text": "hello"}}, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
