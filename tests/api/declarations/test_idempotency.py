"""A POST with an `Idempotency-Key` is carried out once, whatever the network and the server do meanwhile."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from mediaserver.api import declared
from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Returns
from mediaserver.base.errors import Conflict, FieldError, Forbidden, TooMany, Unavailable
from mediaserver.domain.writes.idempotency import IdempotentRequest
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.context import reserving
from mediaserver.usecases.sessions import sessions
from tests.api.conftest import Client, bearer
from tests.api.served import served
from tests.usecases.world import PASSWORD, World

PATH = "/api/v1/video-sessions"
BODY = {"title": "Algebra"}
KEYED = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


@pytest.fixture(autouse=True)
def far_future(world: World) -> None:
    """Where the store's own clock has expired nothing yet."""
    world.clock.now = datetime(2126, 3, 1, 12, 0, tzinfo=UTC)


async def titles(world: World) -> list[str]:
    return [session.title for session in await world.ctx.sessions.find({})]


async def test_the_same_again_is_answered_again_and_happens_once(client: Client, world: World) -> None:
    who = bearer(await world.token("ada")) | KEYED
    first = await client.post(PATH, json=BODY, headers=who)
    assert first.status == 201 and "Idempotency-Replayed" not in first.headers
    again = await client.post(PATH, json=BODY, headers=who)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert await again.read() == await first.read() and again.content_type == "application/json"
    assert again.headers["Location"] == first.headers["Location"]
    assert await titles(world) == ["Algebra"]


async def test_the_same_key_with_another_request_422(client: Client, world: World) -> None:
    who = bearer(await world.token("ada")) | KEYED
    assert (await client.post(PATH, json=BODY, headers=who)).status == 201
    for path, body in (
        (PATH, {"title": "Logic"}),
        ("/api/v1/live-sessions", BODY),
        (f"{PATH}?", BODY | {"x": 1}),
    ):
        answer = await client.post(path, json=body, headers=who)
        assert answer.status == 422
    answer = await client.post(PATH, json={"title": "Logic"}, headers=who)
    assert (await answer.json())["code"] == "idempotency_key_reused"
    assert await titles(world) == ["Algebra"]


async def test_people_do_not_share_keys(client: Client, world: World) -> None:
    for name in ("ada", "eve"):
        answer = await client.post(PATH, json={"title": name}, headers=bearer(await world.token(name)) | KEYED)
        assert answer.status == 201 and "Idempotency-Replayed" not in answer.headers
    assert sorted(await titles(world)) == ["ada", "eve"]


@pytest.mark.parametrize("key", ["", "k" * 256, "schlüssel", "a\tb"])
async def test_keys_that_are_none_400(client: Client, world: World, key: str) -> None:
    who = bearer(await world.token("ada"))
    answer = await client.post(PATH, json=BODY, headers={**who, "Idempotency-Key": key})
    assert answer.status == 400 and (await answer.json())["code"] == "bad_idempotency_key"
    assert await titles(world) == []


async def test_of_many_at_once_one_happens(client: Client, world: World) -> None:
    who = bearer(await world.token("ada")) | KEYED
    answers = await asyncio.gather(*(client.post(PATH, json=BODY, headers=who) for _ in range(8)))
    statuses = Counter(answer.status for answer in answers)
    assert set(statuses) <= {201, 409} and statuses[201] >= 1
    for answer in answers:
        if answer.status == 409:
            assert (await answer.json())["code"] == "in_progress" and answer.headers["Retry-After"] == "1"
    assert await titles(world) == ["Algebra"]


async def test_a_body_that_was_wrong_does_not_use_up_the_key(client: Client, world: World) -> None:
    who = bearer(await world.token("ada")) | KEYED
    assert (await client.post(PATH, json={"title": ""}, headers=who)).status == 422
    assert (await client.post(PATH, json=BODY, headers=who)).status == 201


async def test_who_may_not_is_not_told_what_another_login_was(client: Client, world: World) -> None:
    who = bearer(await world.token("ada")) | KEYED
    assert (await client.post(PATH, json=BODY, headers=who)).status == 201
    assert (await client.post(PATH, json=BODY, headers=KEYED)).status == 401


async def test_strangers_do_not_fill_the_store_with_keys(client: Client, world: World) -> None:
    for number in range(5):
        headers = {"Idempotency-Key": f"key {number}"}
        body = {"login": "nobody", "password": f"guess {number}"}
        assert (await client.post("/api/v1/auth/login", json=body, headers=headers)).status == 401
    assert await world.ctx.of(IdempotentRequest).count({}) == 0
    statuses = []
    for _ in range(993):
        await world.ctx.counters.hit("idempotent:127.0.0.1", 1000, 3600)
    for number in range(4):
        headers = {"Idempotency-Key": f"key {number}"}
        answer = await client.post("/api/v1/auth/logout", json={"refreshToken": "x"}, headers=headers)
        statuses.append(answer.status)
    assert statuses == [204, 204, 429, 429]
    assert (await client.post("/api/v1/auth/logout", json={"refreshToken": "x"})).status == 204


async def test_tokens_come_again_and_the_database_shows_none(client: Client, world: World) -> None:
    await world.person("ada")
    body = {"login": "ada", "password": PASSWORD}
    first = await client.post("/api/v1/auth/login", json=body, headers=KEYED)
    again = await client.post("/api/v1/auth/login", json=body, headers=KEYED)
    assert again.headers["Idempotency-Replayed"] == "true" and again.headers["Cache-Control"] == "no-store"
    tokens = await again.json()
    assert tokens == await first.json()
    stored = repr(await world.ctx.of(IdempotentRequest).collection.find({}).to_list())
    secrets = (tokens["accessToken"], tokens["refreshToken"], PASSWORD, KEYED["Idempotency-Key"])
    assert not [secret for secret in secrets if secret in stored]
    wrong = {"login": "ada", "password": "a guess"}
    assert (await client.post("/api/v1/auth/login", json=wrong, headers=KEYED)).status == 422


class Steps:
    """A handler that does in turn what it is told."""

    def __init__(self, *steps: Any) -> None:
        self._steps = list(steps)
        self.calls = 0

    async def __call__(self, call: Call) -> Answer:
        self.calls += 1
        step = self._steps.pop(0)
        if isinstance(step, BaseException):
            raise step
        return Answer({"n": self.calls}) if step is None else await step(call)


def endpoint(handler: Any, **more: Any) -> Endpoint:
    return Endpoint("POST", "/x", "Try", handler, "Test", **more, public=True)


@pytest.mark.parametrize("refusal", [Forbidden("forbidden", "no"), Conflict("taken", "no")])
async def test_refusals_are_kept(world: World, refusal: Exception) -> None:
    steps = Steps(refusal, None)
    async with served(world.ctx, endpoint(steps)) as client:
        first = await client.post("/api/v1/x", headers=KEYED)
        again = await client.post("/api/v1/x", headers=KEYED)
        assert first.status == again.status and await first.json() == await again.json()
    assert again.content_type == "application/problem+json" and steps.calls == 1


@pytest.mark.parametrize(
    "passing", [TooMany("too_many", "later", 1), Unavailable("store_unavailable", "later"), RuntimeError("a bug")]
)
async def test_what_passes_frees_the_key(world: World, passing: Exception) -> None:
    steps = Steps(passing, None)
    async with served(world.ctx, endpoint(steps)) as client:
        assert (await client.post("/api/v1/x", headers=KEYED)).status in (429, 500, 503)
        again = await client.post("/api/v1/x", headers=KEYED)
        assert again.status == 200 and "Idempotency-Replayed" not in again.headers and steps.calls == 2


async def test_a_request_whose_client_went_away_goes_on_when_it_comes_again(world: World) -> None:
    begun = asyncio.Event()
    ids: list[str] = []

    async def long(call: Call) -> Answer:
        ids.append(call.context.stamp()["id"])
        begun.set()
        await asyncio.sleep(60)
        return Answer({})

    async def short(call: Call) -> Answer:
        ids.append(call.context.stamp()["id"])
        return Answer({"id": ids[-1]})

    async with served(world.ctx, endpoint(Steps(long, short), returns=Returns(status=201))) as client:
        request = asyncio.create_task(client.post("/api/v1/x", headers=KEYED))
        await begun.wait()
        request.cancel()
        async with asyncio.timeout(10):
            while (answer := await client.post("/api/v1/x", headers=KEYED)).status == 409:
                await asyncio.sleep(0.05)
        assert answer.status == 201 and ids[0] == ids[1]


async def test_what_a_killed_server_had_created_is_answered(client: Client, world: World) -> None:
    """As if it died between the insert and the answer."""
    ada = await world.person("ada")
    who = bearer(world.ctx.tokens.issue(ada, world.clock.now)) | KEYED
    assert (await client.post(PATH, json=BODY, headers=who)).status == 201
    requests = world.ctx.of(IdempotentRequest)
    record = await requests.find_one({})
    assert record is not None
    await requests.update(record.id, set={"state": "running", "answer": None})
    assert (await client.post(PATH, json=BODY, headers=who)).status == 409
    world.clock.pass_s(60)
    answer = await client.post(PATH, json=BODY, headers=who)
    made = await answer.json()
    assert answer.status == 201 and made["id"] == record.reserved_id
    assert answer.headers["Location"] == f"{PATH}/{made['id']}"
    assert await titles(world) == ["Algebra"]
    assert (await client.post(PATH, json=BODY, headers=who)).headers["Idempotency-Replayed"] == "true"


async def test_what_a_killed_server_had_not_created_is_created_under_the_reserved_id(
    client: Client, world: World
) -> None:
    ada = await world.person("ada")
    who = bearer(world.ctx.tokens.issue(ada, world.clock.now)) | KEYED
    await client.post(PATH, json=BODY, headers=who)
    record = await world.ctx.of(IdempotentRequest).find_one({})
    assert record is not None
    await world.ctx.of(IdempotentRequest).update(record.id, set={"state": "running", "answer": None})
    await world.ctx.sessions.delete(record.reserved_id)
    world.clock.pass_s(60)
    answer = await client.post(PATH, json=BODY, headers=who)
    assert answer.status == 201 and (await answer.json())["id"] == record.reserved_id


async def test_without_a_way_to_recover_it_is_said_that_it_was_done(world: World) -> None:
    taken = Conflict("id_taken", "there is one already", [FieldError("id", "is taken")])
    async with served(world.ctx, endpoint(Steps(Unavailable("store_unavailable", "later"), taken))) as client:
        assert (await client.post("/api/v1/x", headers=KEYED)).status == 503
        answer = await client.post("/api/v1/x", headers=KEYED)
        assert answer.status == 409 and (await answer.json())["code"] == "already_done"


async def test_messages_and_documents_get_the_reserved_id(world: World) -> None:
    ada = await world.person("ada")
    with reserving("01ARZ3NDEKTSV4RRFFQ69G5FAV"):
        made = await sessions.create(world.ctx, ada, "video", BODY)
    assert made.id == "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    with reserving("01ARZ3NDEKTSV4RRFFQ69G5FAW"):
        user = await identity.create_user(world.ctx, "eve", "eve@example.org", PASSWORD, "student")
    assert user.id == "01ARZ3NDEKTSV4RRFFQ69G5FAW"


def test_every_call_that_creates_can_recover() -> None:
    """But registration, which says that the name is taken, and uploads: one that nobody uses expires."""
    creating = {e.path for e in declared() if e.method == "POST" and e.creates and e.recover is None}
    assert creating == {"/auth/register", "/uploads", "/uploads/presign"}


async def test_an_upload_that_was_cut_off_may_come_again(client: Client, world: World) -> None:
    who = bearer(await world.token("ada")) | KEYED

    def form(name: str) -> aiohttp.FormData:
        data = aiohttp.FormData()
        data.add_field(name, b"three bytes", filename="a.txt", content_type="text/plain")
        return data

    refused = await client.post("/api/v1/uploads", data=form("film"), headers=who)
    assert refused.status == 422
    first = await client.post("/api/v1/uploads", data=form("file"), headers=who)
    again = await client.post("/api/v1/uploads", data=form("file"), headers=who)
    assert first.status == again.status == 201 and again.headers["Idempotency-Replayed"] == "true"
    assert (await first.json())["id"] == (await again.json())["id"]
