"""Signing in over REST."""

import pytest

from tests.api.conftest import Client, bearer
from tests.usecases.world import World

NEW = {"username": "Ada", "email": "ada@example.org", "password": "correct horse"}


async def test_register_refresh_and_log_out(client: Client) -> None:
    answer = await client.post("/api/v1/auth/register", json=NEW)
    assert answer.status == 201
    first = await answer.json()
    assert answer.headers["Location"] == f"/api/v1/users/{first['user']['id']}"
    assert set(first) == {"user", "accessToken", "expiresIn", "refreshToken", "deviceToken"}
    assert first["user"]["role"] == "student" and first["user"]["email"] == NEW["email"]
    me = await (await client.get("/api/v1/auth/me", headers=bearer(first["accessToken"]))).json()
    assert me == first["user"]

    second = await (
        await client.post("/api/v1/auth/refresh", json={"refreshToken": first["refreshToken"]})
    ).json()
    out = await client.post("/api/v1/auth/logout", json={"refreshToken": second["refreshToken"]})
    assert out.status == 204
    for token in (first["accessToken"], second["accessToken"]):
        assert (await client.get("/api/v1/auth/me", headers=bearer(token))).status == 401


async def test_login_by_name_or_email(client: Client) -> None:
    await client.post("/api/v1/auth/register", json=NEW)
    for login in ("ada", "ADA@example.org"):
        answer = await client.post("/api/v1/auth/login", json={"login": login, "password": NEW["password"]})
        assert answer.status == 200 and (await answer.json())["user"]["username"] == "Ada"
    taken = await client.post("/api/v1/auth/register", json=NEW)
    assert taken.status == 409
    assert {error["loc"] for error in (await taken.json())["errors"]} == {"username", "email"}


async def test_a_reused_refresh_token_ends_the_login(client: Client) -> None:
    first = await (await client.post("/api/v1/auth/register", json=NEW)).json()
    old = {"refreshToken": first["refreshToken"]}
    second = await (await client.post("/api/v1/auth/refresh", json=old)).json()
    newer = {"refreshToken": second["refreshToken"]}
    assert (await client.post("/api/v1/auth/refresh", json=newer)).status == 200
    reused = await client.post("/api/v1/auth/refresh", json=old)
    assert reused.status == 401 and (await reused.json())["code"] == "refresh_token_reused"
    assert (await client.get("/api/v1/auth/me", headers=bearer(second["accessToken"]))).status == 401


async def test_an_admin_deactivates_and_the_person_is_out(client: Client, world: World) -> None:
    root, ada = await world.token("root", "admin"), await world.token("ada")
    user = await (await client.get("/api/v1/auth/me", headers=bearer(ada))).json()
    path = f"/api/v1/users/{user['id']}"
    own = await client.patch(path, json={"role": "admin"}, headers=bearer(ada))
    assert own.status == 403
    assert (await client.patch(path, json={"active": False}, headers=bearer(root))).status == 200
    assert (await client.get("/api/v1/auth/me", headers=bearer(ada))).status == 401


async def test_one_sees_and_ends_ones_devices(client: Client) -> None:
    laptop = await (await client.post("/api/v1/auth/register", json=NEW, headers={"User-Agent": "Laptop"})).json()
    phone = await login(client, {"User-Agent": "Phone " + "x" * 300})
    listed = await (await client.get("/api/v1/auth/logins", headers=bearer(laptop["accessToken"]))).json()
    assert listed["nextCursor"] is None
    assert [(one["userAgent"][:6], one["current"]) for one in listed["items"]] == [
        ("Phone ", False),
        ("Laptop", True),
    ]
    assert len(listed["items"][0]["userAgent"]) == 200
    first = await client.get("/api/v1/auth/logins?limit=1", headers=bearer(phone["accessToken"]))
    assert (await first.json())["nextCursor"]
    path = f"/api/v1/auth/logins/{listed['items'][0]['id']}"
    assert (await client.delete(path, headers=bearer(laptop["accessToken"]))).status == 204
    assert (await client.get("/api/v1/auth/me", headers=bearer(phone["accessToken"]))).status == 401
    assert (await client.get("/api/v1/auth/me", headers=bearer(laptop["accessToken"]))).status == 200
    assert (await client.delete(path, headers=bearer(laptop["accessToken"]))).status == 404


async def test_signing_out_everywhere(client: Client) -> None:
    await client.post("/api/v1/auth/register", json=NEW)
    laptop, phone = await login(client), await login(client)
    assert (await client.post("/api/v1/auth/logout-all")).status == 401
    answer = await client.post("/api/v1/auth/logout-all", headers=bearer(phone["accessToken"]))
    assert answer.status == 204
    for one in (laptop, phone):
        assert (await client.get("/api/v1/auth/me", headers=bearer(one["accessToken"]))).status == 401
        again = await client.post("/api/v1/auth/refresh", json={"refreshToken": one["refreshToken"]})
        assert again.status == 401 and (await again.json())["code"] == "bad_refresh_token"


async def test_changing_the_password(client: Client) -> None:
    await client.post("/api/v1/auth/register", json=NEW)
    laptop, phone = await login(client), await login(client)
    headers = bearer(laptop["accessToken"])

    async def change(current: str, new: str) -> tuple[int, list[str]]:
        body = {"currentPassword": current, "newPassword": new}
        answer = await client.post("/api/v1/auth/password", json=body, headers=headers)
        return answer.status, [e["loc"] for e in (await answer.json())["errors"]] if answer.status > 299 else []

    assert await change("wrong", "a better one") == (403, ["currentPassword"])
    assert await change(NEW["password"], "ada@example.org") == (422, ["newPassword"])
    assert await change("", "short") == (422, ["currentPassword", "newPassword"])
    assert await change(NEW["password"], "a better one") == (204, [])
    assert (await client.get("/api/v1/auth/me", headers=headers)).status == 200
    assert (await client.get("/api/v1/auth/me", headers=bearer(phone["accessToken"]))).status == 401
    assert (
        await client.post("/api/v1/auth/login", json={"login": "ada", "password": "a better one"})
    ).status == 200


async def test_a_forgotten_password(client: Client, world: World) -> None:
    signed_in = await (await client.post("/api/v1/auth/register", json=NEW)).json()
    for name in ("ada", "nobody"):
        asked = await client.post("/api/v1/auth/password-reset", json={"login": name})
        assert (asked.status, await asked.read()) == (202, b"")
    (mail,) = await world.mails()
    assert mail.to == NEW["email"]
    token = mail.text.partition("/#/reset/")[2].split()[0]
    confirm = "/api/v1/auth/password-reset/confirm"
    weak = await client.post(confirm, json={"token": token, "password": "Ada@example.org"})
    assert weak.status == 422 and (await weak.json())["errors"][0]["loc"] == "password"
    assert (await client.post(confirm, json={"token": token, "password": "a better one"})).status == 204
    used = await client.post(confirm, json={"token": token, "password": "a better one"})
    assert used.status == 410 and (await used.json())["code"] == "reset_over"
    assert (await client.get("/api/v1/auth/me", headers=bearer(signed_in["accessToken"]))).status == 401


async def test_mail_requests_are_limited(client: Client, world: World) -> None:
    for _ in range(world.ctx.settings.auth.resets_per_hour):
        assert (await client.post("/api/v1/auth/password-reset", json={"login": "ada"})).status == 202
    refused = await client.post("/api/v1/auth/password-reset", json={"login": "ada"})
    assert refused.status == 429 and int(refused.headers["Retry-After"]) > 60


@pytest.mark.parametrize(
    "password", ["seven77", "nul\x00inside", "line\nbreak", "x" * 257, "\ud800 surrogate", 12345678]
)
async def test_passwords_that_cannot_be_used(client: Client, password: object) -> None:
    answer = await client.post("/api/v1/auth/register", json={**NEW, "password": password})
    assert answer.status == 422
    assert [error["loc"] for error in (await answer.json())["errors"]] in (["password"], [""])


@pytest.mark.parametrize("text", ["\x00", "\ud800", "a\x00@b.c", "x" * 254])
async def test_odd_logins_and_passwords_are_just_wrong(client: Client, text: str) -> None:
    signing_in = await client.post("/api/v1/auth/login", json={"login": text, "password": text})
    assert signing_in.status in (401, 422)
    assert (await client.post("/api/v1/auth/password-reset", json={"login": text})).status in (202, 422)


async def test_strangers_lock_out_unknown_devices_only_and_a_mailed_link_lets_them_in(
    client: Client, world: World
) -> None:
    first = await (await client.post("/api/v1/auth/register", json=NEW)).json()
    body, right = {"login": "ada", "password": "wrong"}, {"login": "ada", "password": NEW["password"]}
    for n in range(world.ctx.settings.auth.account_failures_per_hour):
        stranger = {"X-Forwarded-For": f"203.0.113.{n}"}
        assert (await client.post("/api/v1/auth/login", json=body, headers=stranger)).status == 401
    refused = await client.post("/api/v1/auth/login", json=right)
    assert refused.status == 429 and (await refused.json())["code"] == "confirmation_required"
    assert int(refused.headers["Retry-After"]) > 60
    known = await client.post("/api/v1/auth/login", json={**right, "deviceToken": first["deviceToken"]})
    assert known.status == 200 and (await known.json())["deviceToken"] is None

    for name in ("ada", "nobody"):
        asked = await client.post("/api/v1/auth/login-link", json={"login": name})
        assert (asked.status, await asked.read()) == (202, b"")
    (mail,) = await world.mails()
    link = {"token": mail.text.partition("/#/device/")[2].split()[0]}
    confirmed = await client.post("/api/v1/auth/login-link/confirm", json=link)
    assert confirmed.status == 200
    device = await confirmed.json()
    assert (device["userId"], device["username"]) == (first["user"]["id"], "Ada")
    used = await client.post("/api/v1/auth/login-link/confirm", json=link)
    assert used.status == 410 and (await used.json())["code"] == "link_over"
    new = await client.post("/api/v1/auth/login", json={**right, "deviceToken": device["deviceToken"]})
    assert new.status == 200


async def test_a_person_sees_and_forgets_known_devices(client: Client) -> None:
    laptop = await (await client.post("/api/v1/auth/register", json=NEW, headers={"User-Agent": "Laptop"})).json()
    phone, who = await login(client, {"User-Agent": "Phone"}), bearer(laptop["accessToken"])
    listed = await (await client.get("/api/v1/auth/devices", headers=who)).json()
    assert [(one["userAgent"], one["current"]) for one in listed["items"]] == [("Phone", False), ("Laptop", True)]
    path = f"/api/v1/auth/devices/{listed['items'][0]['id']}"
    assert (await client.delete(path, headers=who)).status == 204
    assert (await client.delete(path, headers=who)).status == 404
    assert (await client.get("/api/v1/auth/me", headers=bearer(phone["accessToken"]))).status == 401
    left = await (await client.get("/api/v1/auth/devices", headers=who)).json()
    assert [one["userAgent"] for one in left["items"]] == ["Laptop"]


async def login(client: Client, headers: dict[str, str] | None = None) -> dict[str, str]:
    body = {"login": "ada", "password": NEW["password"]}
    signed_in: dict[str, str] = await (await client.post("/api/v1/auth/login", json=body, headers=headers)).json()
    return signed_in
