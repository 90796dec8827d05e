"""What an account may do over REST before its address is confirmed; closed and restricted registration."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediaserver.api import declared
from mediaserver.api.declarations.endpoint import OPEN_TO_UNVERIFIED
from mediaserver.base.ids import new_id
from tests.api.conftest import Client, bearer
from tests.usecases.world import AUTH, World, open_world

API = "/api/v1"
NEW = {"username": "ada", "email": "ada@example.org", "password": "correct horse"}
VERIFYING = AUTH.model_copy(update={"require_verified_email": True})


@pytest.fixture
async def world(uri: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(uri, tmp_path, auth=VERIFYING) as world:
        yield world


def with_auth(world: World, **auth: object) -> None:
    settings = world.ctx.settings
    changed = settings.model_copy(update={"auth": settings.auth.model_copy(update=auth)})
    object.__setattr__(world.ctx, "settings", changed)


async def registered(client: Client) -> dict[str, str]:
    answer = await client.post(f"{API}/auth/register", json=NEW)
    assert answer.status == 201, await answer.text()
    signed_in = await answer.json()
    assert (signed_in["user"]["emailVerified"], signed_in["user"]["pendingEmail"]) == (False, None)
    return bearer(signed_in["accessToken"])


async def mailed_token(world: World) -> str:
    found = re.search(r"/#/verify/(\S+)", (await world.mails())[-1].text)
    assert found
    return found[1]


def test_what_is_open_to_unverified_accounts_exists() -> None:
    assert {(one.method, one.path) for one in declared()} >= OPEN_TO_UNVERIFIED


async def test_every_write_to_others_is_refused_until_the_address_is_confirmed(client: Client) -> None:
    ada = await registered(client)
    gated = [one for one in declared() if one.gated]
    assert len(gated) > 60
    for one in gated:
        path = re.sub(r"{\w+(:[^}]+)?}", new_id(), one.prefix + one.path)
        answer = await client.request(one.method, path, json={}, headers=ada)
        said = await answer.json()
        assert (answer.status, said["code"]) == (403, "email_unverified"), (one.method, one.path, said)
        assert "Confirm your email address" in said["detail"]


async def test_what_concerns_the_account_alone_works_before_that(client: Client, world: World) -> None:
    ada = await registered(client)
    me = await (await client.get(f"{API}/auth/me", headers=ada)).json()
    assert me["email"] == NEW["email"] and me["emailVerified"] is False
    assert (await client.get(f"{API}/tweets", headers=ada)).status == 200
    assert (await client.post(f"{API}/auth/email/resend", headers=ada)).status == 202
    change = {"password": NEW["password"], "email": "other@example.org"}
    assert (await client.post(f"{API}/auth/email", json=change, headers=ada)).status == 200
    assert (await client.post(f"{API}/auth/logout-all", headers=ada)).status == 204
    again = await client.post(f"{API}/auth/login", json={"login": "ada", "password": NEW["password"]})
    ada = bearer((await again.json())["accessToken"])
    assert (await client.delete(f"{API}/users/{me['id']}", headers=ada)).status == 204


async def test_who_confirms_is_signed_in_and_may_write(client: Client, world: World) -> None:
    old = await registered(client)
    body = {"token": await mailed_token(world), "password": NEW["password"]}
    answer = await client.post(f"{API}/auth/email/verify", json=body)
    assert answer.status == 200
    signed_in = await answer.json()
    assert signed_in["user"]["emailVerified"] is True and signed_in["deviceToken"]
    tweet = {"content": {"text": "hello", "media": []}}
    ada = bearer(signed_in["accessToken"])
    assert (await client.post(f"{API}/tweets", json=tweet, headers=ada)).status == 201
    assert (await client.get(f"{API}/auth/me", headers=old)).status == 401
    used = await client.post(f"{API}/auth/email/verify", json=body)
    assert (used.status, (await used.json())["code"]) == (410, "link_over")


async def test_others_do_not_see_whether_an_address_is_confirmed(client: Client, world: World) -> None:
    ada = await registered(client)
    me = await (await client.get(f"{API}/auth/me", headers=ada)).json()
    eve = bearer(await world.token("eve"))
    seen = await (await client.get(f"{API}/users/{me['id']}", headers=eve)).json()
    assert not {"email", "emailVerified", "pendingEmail"} & set(seen)


async def test_closed_registration_is_refused_and_said_before(client: Client, world: World) -> None:
    with_auth(world, registration="closed")
    answer = await client.post(f"{API}/auth/register", json=NEW)
    said = await answer.json()
    assert (answer.status, said["code"]) == (403, "registration_closed") and "operator" in said["detail"]
    assert (await (await client.get(f"{API}/auth/registration")).json())["open"] is False
    await world.token("root", "admin")


@pytest.mark.parametrize(
    ("email", "status"),
    [
        ("ada@school.example", 201), ("ada@SCHOOL.example", 201), ("ada@sub.school.example", 422),
        ("ada@notschool.example", 422), ("ada@school.example.evil.example", 422), ("ada@uni.example", 422),
        ("ada@cs.uni.example", 201), ("ada@a.b.uni.example", 201), ("ada@evil-uni.example", 422),
        ("ada@xn--schle-mva.example", 201), ("ada@school.example@evil.example", 422),
    ],
)  # fmt: skip
async def test_registration_takes_addresses_of_the_listed_domains(
    client: Client, world: World, email: str, status: int
) -> None:
    with_auth(world, email_domains=("school.example", "*.uni.example", "Sch\u00fcle.example"))
    answer = await client.post(f"{API}/auth/register", json=NEW | {"email": email})
    assert answer.status == status, await answer.text()
    if status == 422:
        assert [fault["loc"] for fault in (await answer.json())["errors"]] == ["email"]


async def test_addresses_change_to_the_listed_domains_only(client: Client, world: World) -> None:
    ada = await registered(client)
    with_auth(world, email_domains=("school.example",))
    shown = await (await client.get(f"{API}/auth/registration")).json()
    assert shown == {"open": True, "emailDomains": ["school.example"], "requiresVerifiedEmail": True}
    for email, status in (("ada@evil.example", 422), ("ada@school.example", 200)):
        body = {"password": NEW["password"], "email": email}
        assert (await client.post(f"{API}/auth/email", json=body, headers=ada)).status == status
