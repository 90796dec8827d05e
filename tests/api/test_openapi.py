"""The description is valid, complete, and true of real answers."""

from typing import Any

from aiohttp import web
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from mediaserver.api import build_api, declared, openapi
from mediaserver.api.services import Services
from tests.api.conftest import Client, bearer, rooms_of
from tests.usecases.test_recordings import recorded
from tests.usecases.world import World


async def test_it_is_valid_and_served(client: Client) -> None:
    answer = await client.get("/api/v1/openapi.json")
    document = await answer.json()
    assert answer.status == 200 and document["openapi"] == "3.1.0"
    validate(document)


async def test_every_route_is_described_and_nothing_else(world: World) -> None:
    app = web.Application()
    build_api(app, Services(world.ctx, rooms_of(world)))
    served = {
        (route.resource.canonical, route.method.lower())
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    paths = openapi.describe(declared())["paths"]
    described = {(path, method) for path, operations in paths.items() for method in operations}
    assert served == described


def test_operations_have_ids_of_their_own() -> None:
    paths = openapi.describe(declared())["paths"]
    ids = [operation["operationId"] for operations in paths.values() for operation in operations.values()]
    assert len(ids) == len(set(ids))


async def test_answers_are_as_described(client: Client, world: World) -> None:
    document = await (await client.get("/api/v1/openapi.json")).json()
    ada = await world.person("ada")
    headers = bearer(world.ctx.tokens.issue(ada, world.clock.now))
    picture = await world.upload(ada)
    recording = await recorded(world, ada, ada)
    inside = f"/video-sessions/{recording.session_id}"
    text = await _post(client, f"{inside}/messages", {"content": "hi"}, headers)
    image = await _post(client, f"{inside}/messages", {"content": picture.id, "contentType": "Image"}, headers)
    await client.patch(f"/api/v1/users/{ada.user_id}", json={"profileImage": picture.id}, headers=headers)
    live, audio = [
        await _post(client, path, {"title": "x"}, headers) for path in ("/live-sessions", "/audio-sessions")
    ]
    participant = await world.ctx.participants.find_one({})
    assert participant is not None
    for template, path in {
        "/auth/me": "/auth/me",
        "/auth/logins": "/auth/logins",
        "/users": "/users",
        "/users/{id}": f"/users/{ada.user_id}",
        "/live-sessions": "/live-sessions",
        "/live-sessions/{id}": f"/live-sessions/{live}",
        "/video-sessions": "/video-sessions",
        "/video-sessions/{id}": inside,
        "/audio-sessions/{id}": f"/audio-sessions/{audio}",
        "/video-sessions/{id}/participants": f"{inside}/participants",
        "/video-sessions/{id}/participants/{participantId}": f"{inside}/participants/{participant.id}",
        "/video-sessions/{id}/messages": f"{inside}/messages",
        "/video-sessions/{id}/messages/{messageId}": f"{inside}/messages/{text}",
        "/live-sessions/{id}/messages/{messageId}": f"{inside}/messages/{image}",
        "/video-sessions/{id}/recordings": f"{inside}/recordings",
        "/recordings/{id}": f"/recordings/{recording.id}",
        "/uploads/{id}": f"/uploads/{picture.id}",
    }.items():
        answer = await client.get(f"/api/v1{path}", headers=headers)
        assert answer.status == 200, path
        body = await answer.json()
        response = document["paths"][f"/api/v1{template}"]["get"]["responses"]["200"]
        schema = response["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(body)
        assert body.get("items", [1]), path


async def test_problems_are_as_described(client: Client) -> None:
    components = (await (await client.get("/api/v1/openapi.json")).json())["components"]
    body = await (await client.post("/api/v1/auth/login", json={})).json()
    Draft202012Validator({"$ref": "#/components/schemas/ProblemView", "components": components}).validate(body)


async def _post(client: Client, path: str, body: dict[str, Any], headers: dict[str, str]) -> str:
    answer = await client.post(f"/api/v1{path}", json=body, headers=headers)
    assert answer.status == 201, await answer.text()
    return str((await answer.json())["id"])
