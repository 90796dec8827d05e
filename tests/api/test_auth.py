"""Signing in over REST."""

from tests.api.conftest import Client, bearer
from tests.usecases.world import World

NEW = {"username": "Ada", "email": "ada@example.org", "password": "correct horse"}


async def test_register_refresh_and_log_out(client: Client) -> None:
    answer = await client.post("/api/v1/auth/register", json=NEW)
    assert answer.status == 201
    first = await answer.json()
    assert answer.headers["Location"] == f"/api/v1/users/{first['user']['id']}"
    assert set(first) == {"user", "accessToken", "expiresIn", "refreshToken"}
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
