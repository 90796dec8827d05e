"""Whatever is sent, the answer is a problem document and never says how we work inside."""

import io
from typing import Any

import pytest

from mediaserver.usecases.accounts import identity
from tests.api.conftest import Client, bearer
from tests.usecases.world import World

LOGIN = "/api/v1/auth/login"
JSON = {"Content-Type": "application/json"}


async def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status == status, await answer.text()
    assert answer.content_type == "application/problem+json"
    body: dict[str, Any] = await answer.json()
    assert set(body) == {"type", "title", "status", "code", "detail", "errors"} and body["status"] == status
    return body


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b'{"login": NaN}', b"\xff\xfe", b'{"a":' * 1600, b"[" * 8000],
)
async def test_malformed_json_400(client: Client, body: bytes) -> None:
    assert (await problem(await client.post(LOGIN, data=body, headers=JSON), 400))["code"] == "malformed"


@pytest.mark.parametrize("body", [b"1" * 5000, b"1", b"[]", b'"text"', b"null", b"true"])
async def test_json_that_is_no_object_422(client: Client, body: bytes) -> None:
    async with client.post(LOGIN, data=body, headers=JSON) as answer:
        wrong = await problem(answer, 422)
    assert wrong["errors"] == [{"loc": "", "msg": "must be an object"}]


async def test_deep_nesting_422(client: Client) -> None:
    deep = '{"login":' + "[" * 200 + "]" * 200 + ', "password": "x"}'
    await problem(await client.post(LOGIN, data=deep, headers=JSON), 422)


async def test_another_media_type_415(client: Client) -> None:
    await problem(await client.post(LOGIN, data={"login": "ada"}), 415)


async def test_too_large_a_body_413(client: Client) -> None:
    large = io.BytesIO(b'{"login": "' + b"x" * 1_100_000 + b'"}')
    await problem(await client.post(LOGIN, data=large, headers=JSON), 413)


async def test_no_such_address_404_and_no_such_method_405(client: Client) -> None:
    await problem(await client.get("/api/v1/nothing"), 404)
    answer = await client.delete(LOGIN)
    await problem(answer, 405)
    assert "POST" in answer.headers["Allow"]


async def test_every_bad_field_is_named(client: Client) -> None:
    bad = {"username": "a b", "email": "nowhere", "password": "short", "role": "admin"}
    body = await problem(await client.post("/api/v1/auth/register", json=bad), 422)
    assert {error["loc"] for error in body["errors"]} == set(bad)
    assert {error["loc"] for error in (await problem(await client.post(LOGIN, json={}), 422))["errors"]} == {
        "login",
        "password",
    }


@pytest.mark.parametrize("value", [{"$gt": ""}, ["ada"], 1, True, None, "", "x\x00" * 200])
async def test_smuggled_operators_and_wrong_types_422(client: Client, value: object) -> None:
    await problem(await client.post(LOGIN, json={"login": value, "password": value}), 422)


async def test_what_nobody_foresaw_500_without_internals(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr(identity, "login", broken)
    answer = await client.post(LOGIN, json={"login": "ada", "password": "x"})
    body = await problem(answer, 500)
    assert "secret" not in await answer.text()
    incident = body["detail"].partition("incident ")[2].rstrip(".")
    assert incident and incident in caplog.text


async def test_too_many_guesses_429_say_when_to_come_back(client: Client) -> None:
    for _ in range(5):
        await problem(await client.post(LOGIN, json={"login": "ada", "password": "x"}), 401)
    answer = await client.post(LOGIN, json={"login": "ada", "password": "x"})
    await problem(answer, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


async def test_addresses_behind_a_trusted_proxy_are_told_apart(client: Client) -> None:
    for n in range(6):
        headers = {"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}
        answer = await client.post(LOGIN, json={"login": "guess", "password": f"x{n}"}, headers=headers)
    await problem(answer, 429)
    elsewhere = {"X-Forwarded-For": "203.0.113.9, 198.51.100.2"}
    await problem(await client.post(LOGIN, json={"login": "guess", "password": "x"}, headers=elsewhere), 401)


async def test_a_token_in_the_wrong_place_is_no_token(client: Client, world: World) -> None:
    token = await world.token("ada")
    await problem(await client.get(f"/api/v1/auth/me?token={token}"), 401)
    assert (await client.get("/api/v1/auth/me", headers=bearer(token))).status == 200
