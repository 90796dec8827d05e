"""Health, readiness, metrics, and who may call from another origin."""

import asyncio
from typing import Any

from mediaserver.base.errors import Unavailable
from tests.api.conftest import Client, bearer
from tests.usecases.world import World

SCHOOL = {"Origin": "https://school.example"}
STRANGER = {"Origin": "https://evil.example"}


async def test_alive(client: Client) -> None:
    answer = await client.get("/healthz")
    assert answer.status == 200 and await answer.json() == {"status": "ok"}


async def test_ready_only_when_every_part_is(client: Client, parts: dict[str, Any]) -> None:
    async def fine() -> None: ...
    async def away() -> None:
        raise Unavailable("store_unavailable", "the document store does not answer")

    async def broken() -> None:
        raise RuntimeError("a secret of ours")

    parts["documents"] = fine
    assert (await client.get("/readyz")).status == 200
    parts |= {"objects": away, "workers": broken}
    answer = await client.get("/readyz")
    assert answer.status == 503
    assert (await answer.json())["parts"] == {
        "documents": "ok",
        "objects": "unavailable",
        "workers": "unavailable",
    }


async def test_a_part_is_asked_once_a_second_however_many_ask(
    client: Client, parts: dict[str, Any], world: World
) -> None:
    asked, fit = 0, True

    async def check() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        if not fit:
            raise Unavailable("store_unavailable", "the document store does not answer")

    async def statuses() -> set[int]:
        answers = await asyncio.gather(*(client.get("/readyz") for _ in range(5)))
        return {answer.status for answer in answers}

    parts["documents"] = check
    assert (await statuses(), asked) == ({200}, 1)
    fit = False
    world.clock.pass_s(0.999)
    assert (await statuses(), asked) == ({200}, 1)
    world.clock.pass_s(0.001)
    assert (await statuses(), asked) == ({503}, 2)
    fit = True
    assert (await statuses(), asked) == ({503}, 2)
    world.clock.pass_s(-3600)
    assert (await statuses(), asked) == ({200}, 3), "a clock that was set back keeps nothing alive"


async def test_metrics_count_requests_by_route(client: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    await client.get("/api/v1/users/01ARZ3NDEKTSV4RRFFQ69G5FAV", headers=ada)
    text = await (await client.get("/metrics")).text()
    line = 'mediaserver_http_request_seconds_count{method="GET",route="/api/v1/users/{id}",status="404"} 1.0'
    assert line in text


async def test_listed_origins_may_call_and_others_may_not(client: Client) -> None:
    asks = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    allowed = await client.options("/api/v1/users", headers={**SCHOOL, **asks})
    assert allowed.status == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == SCHOOL["Origin"]
    assert "Authorization" in allowed.headers["Access-Control-Allow-Headers"]
    assert "PATCH" in allowed.headers["Access-Control-Allow-Methods"]
    refused = await client.options("/api/v1/users", headers={**STRANGER, **asks})
    assert refused.status == 403 and "Access-Control-Allow-Origin" not in refused.headers


async def test_answers_and_errors_say_which_origin_may_read_them(client: Client) -> None:
    for path in ("/healthz", "/api/v1/users", "/api/v1/nothing"):
        answer = await client.get(path, headers=SCHOOL)
        assert answer.headers["Access-Control-Allow-Origin"] == SCHOOL["Origin"]
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Origin" not in (await client.get(path, headers=STRANGER)).headers


async def test_the_server_s_own_origin_behind_its_proxy_is_allowed(client: Client) -> None:
    told = {"Origin": "https://media.test", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "media.test"}
    answer = await client.get("/healthz", headers=told)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://media.test"
    answer = await client.get("/healthz", headers={"Origin": "https://media.test"})
    assert "Access-Control-Allow-Origin" not in answer.headers
