"""The description is valid, complete, and true of real answers."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import validate
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from mediaserver.api import build_api, description
from mediaserver.api.declarations.bodies import Body
from mediaserver.api.openapi.schemas import Schemas
from mediaserver.api.runtime.services import Services
from mediaserver.domain.documents.document import Value
from mediaserver.domain.notifications import Notification
from mediaserver.domain.social.tweets import Content
from mediaserver.domain.text.text import Line, Prose, text_pattern
from mediaserver.usecases.social import tweets
from tests.api.cases.everything import everything
from tests.api.conftest import Client, bearer, rooms_of
from tests.api.writing import WRITING, Calls
from tests.usecases.sessions.test_recordings import recorded
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
    paths = description()["paths"]
    described = {(path, method) for path, operations in paths.items() for method in operations}
    assert served == described


def test_operations_have_ids_of_their_own() -> None:
    paths = description()["paths"]
    ids = [operation["operationId"] for operations in paths.values() for operation in operations.values()]
    assert len(ids) == len(set(ids))


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    """`(method and path, operation)` of each."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path.removeprefix('/api/v1')}", operation


def test_each_operation_says_what_it_does_and_no_two_say_the_same() -> None:
    said = {name: operation["summary"] for name, operation in operations(description())}
    assert [name for name, summary in said.items() if list(said.values()).count(summary) > 1] == []
    assert said["GET /tweets"] == "List tweets" and said["GET /tweets/{id}"] == "Read one tweet"
    assert said["PATCH /lessons/{id}"] == "Change a lesson" and said["DELETE /clips/{id}"] == "Delete a clip"
    assert said["GET /users/{id}/following"] == "List the users that a user follows"
    assert said["GET /assignments/{id}/submissions"] == "List the submissions of an assignment"
    assert said["POST /audio-sessions"] == "Create an audio session"


def test_each_parameter_says_what_it_is() -> None:
    document = description()
    shared = document["components"]["parameters"]
    silent = [
        f"{name} {parameter['name']}"
        for name, operation in operations(document)
        for one in operation.get("parameters", ())
        for parameter in [shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one]
        if not parameter.get("description")
    ]
    assert silent == []
    (course,) = [one for one in document["paths"]["/api/v1/courses/{id}"]["get"]["parameters"] if "name" in one]
    assert course["description"] == "Id of the course."


def test_fields_are_described_as_their_documents_say() -> None:
    schemas = description()["components"]["schemas"]
    assert schemas["UsersPatch"]["properties"]["skills"]["description"] == "The first is the main one."
    assert "fill it when absent" in schemas["VideoSessionsCreate"]["properties"]["startTime"]["description"]


def test_examples_are_such_as_real_ones_are() -> None:
    document = description()
    empty = [where for where, _, example in content_of(document) if '""' in json.dumps(example)]
    assert empty == []
    found = {where.replace("/api/v1", ""): example for where, _, example in content_of(document)}
    assert found["post /skills body"]["name"] == found["get /users/{id} 200"]["skills"][0]["name"] == "Algebra"
    assert found["patch /messages/{id} body"] == {"isRead": True}
    told = found["get /notifications/{id} 200"]["content"]
    assert (told["type"], set(told)) == ("followed", {"type", "actors", "actorCount", "count", "userId"})


@pytest.mark.slow
async def test_the_answers_that_have_a_tag_are_those_that_are_said_to(client: Client, world: World) -> None:
    headers = {"ada": bearer(await world.token("ada", "admin")), "bob": bearer(await world.token("bob"))}
    calls = Calls(world, await everything(world), headers)
    document, told = description(), 0
    for name in WRITING:
        if "/auth/" in name:  # among these is what ends logins
            continue
        good = await calls.good(name)
        method, path = name.split()
        async with client.request(method, good.path, json=good.body, headers=good.headers) as answer:
            if answer.status < 300:
                said = document["paths"][f"/api/v1{path}"][method.lower()]["responses"][str(answer.status)]
                assert ("ETag" in said.get("headers", {})) == ("ETag" in answer.headers), (name, answer.status)
                told += 1
    assert told >= 40


def content_of(document: Any) -> Iterator[tuple[str, Any, Any]]:
    """`(where, schema, example)` of every body and every answer that has a schema."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts = {"body": operation.get("requestBody", {}), **operation["responses"]}
            for name, part in parts.items():
                for kind, content in part.get("content", {}).items():
                    if content["schema"].get("format") != "binary" and "multipart" not in kind:
                        yield f"{method} {path} {name}", content["schema"], content.get("example")
    for name, response in document["components"]["responses"].items():
        for content in response["content"].values():
            yield name, content["schema"], content["example"]


def test_every_example_is_one() -> None:
    document = description()
    for where, schema, example in content_of(document):
        check = Draft202012Validator({**schema, "components": document["components"]})
        assert example is not None, f"{where} has no example"
        faults = [
            f"{'.'.join(map(str, fault.instance_path))}: {fault.message}" for fault in check.iter_errors(example)
        ]
        assert not faults, (where, faults, example)


def test_every_tag_says_what_is_under_it() -> None:
    document = description()
    used = {op["tags"][0] for operations in document["paths"].values() for op in operations.values()}
    assert {tag["name"] for tag in document["tags"] if tag["description"]} == used


def test_names_of_schemas_are_all_used() -> None:
    document = description()
    text = json.dumps(document)
    for name in document["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text, name


def test_a_merge_patch_may_remove_what_has_a_default_and_nothing_else() -> None:
    class Part(Value):
        name: str
        note: str = ""

    class Whole(Body):
        title: Annotated[Line, StringConstraints(min_length=1)]
        count: int = 0
        part: Part = Part(name="x")
        maybe: Part | None = None
        parts: list[Part] = Field(default_factory=list)

    schemas = Schemas([], [Whole], [])
    schema = {**schemas.patch(Whole), "components": {"schemas": schemas.definitions}}
    check = Draft202012Validator(schema)
    good: list[Any] = [{}, {"count": None}, {"part": {"note": None}}, {"part": None}, {"maybe": {"note": "x"}}]
    good += [{"maybe": None}, {"parts": [{"name": "a"}]}, {"title": " a "}]
    bad: list[Any] = [{"title": None}, {"title": " "}, {"title": "a\n"}, {"part": {"name": None}}, {"other": 1}]
    bad += [{"part": {"more": 1}}, {"count": "1"}, {"count": 2**53}, {"parts": [{}]}, {"parts": [None]}]
    assert [patch for patch in good if not check.is_valid(patch)] == []
    assert [patch for patch in bad if check.is_valid(patch)] == []


@pytest.mark.parametrize("kind", ["line", "prose"])
@pytest.mark.parametrize("least", [0, 1, 2, 5])
@given(
    text=st.text(
        st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \t\n\r\x85\u2028\u200b"), max_size=9
    )
)
def test_patterns_of_texts_say_what_is_taken(kind: str, least: int, text: str) -> None:
    base: Any = Line if kind == "line" else Prose
    check: TypeAdapter[str] = TypeAdapter(Annotated[base, StringConstraints(min_length=least)])
    try:
        check.validate_python(text)
        taken = True
    except ValidationError:
        taken = False
    said = Draft202012Validator({"type": "string", "pattern": text_pattern(kind, least)}).is_valid(text)
    assert said == taken


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
    writer = await world.person("eve")
    await tweets.post(world.ctx, writer, {"content": Content(text="@ada")})
    eve = writer.user_id
    written = await _post(client, "/messages", {"receiverUserId": eve, "content": "hi"}, headers)
    told = await world.ctx.of(Notification).find_one({"userId": ada.user_id})
    assert told is not None
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
        "/messages": f"/messages?with={eve}",
        "/messages/{id}": f"/messages/{written}",
        "/conversations": "/conversations",
        "/conversations/unread-count": "/conversations/unread-count",
        "/notifications": "/notifications",
        "/notifications/{id}": f"/notifications/{told.id}",
        "/notifications/unread-count": "/notifications/unread-count",
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
