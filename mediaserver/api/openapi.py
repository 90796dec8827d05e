"""The OpenAPI 3.1 description, made from the endpoints' declarations: what is declared is what is served."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mediaserver.api.endpoint import Endpoint
from mediaserver.api.views import ProblemView
from mediaserver.base.ids import ID_PATTERN

Schema = dict[str, Any]

_REF = "#/components/schemas/{model}"
_PATCHES = ("application/json", "application/merge-patch+json")
_FORM: Schema = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
}
_DESCRIPTION = (
    "Live, video and audio sessions with chat and recordings. Realtime: Socket.IO, see docs/protocol.md."
)


def describe(endpoints: Sequence[Endpoint]) -> Schema:
    """The whole document."""
    schemas = _Schemas(endpoints)
    paths: dict[str, Schema] = {}
    for endpoint in endpoints:
        path = endpoint.prefix + re.sub(r":[^}]+}", "}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "mediaserver", "version": version("mediaserver"), "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "securitySchemes": {"accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


class _Schemas:
    """Every model once, under its name."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        bodies = {model for e in endpoints for model in (e.body, e.patch) if model}
        answers = {e.answer for e in endpoints if e.answer} | {ProblemView}
        wanted = [(m, "validation") for m in _ordered(bodies)] + [(m, "serialization") for m in _ordered(answers)]
        refs, schema = models_json_schema(wanted, by_alias=True, ref_template=_REF)  # type: ignore[arg-type]
        self._refs = refs
        self.definitions: Schema = schema["$defs"]

    def body(self, model: type[BaseModel]) -> Schema:
        return self._refs[model, "validation"]

    def answer(self, model: type[BaseModel]) -> Schema:
        return self._refs[model, "serialization"]


def _ordered(models: set[type[BaseModel]]) -> list[type[BaseModel]]:
    return sorted(models, key=lambda model: model.__name__)


def _operation(endpoint: Endpoint, schemas: _Schemas) -> Schema:
    operation: Schema = {
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "operationId": _operation_id(endpoint),
        "responses": _responses(endpoint, schemas),
        "security": [] if endpoint.public else [{"accessToken": []}],
    }
    if parameters := [*_path_parameters(endpoint), *_query_parameters(endpoint)]:
        operation["parameters"] = parameters
    if body := _body(endpoint, schemas):
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _operation_id(endpoint: Endpoint) -> str:
    words: list[str] = re.findall(r"[A-Za-z0-9]+", f"{endpoint.method.lower()} {endpoint.path}")
    return words[0] + "".join(word[:1].upper() + word[1:] for word in words[1:])


def _path_parameters(endpoint: Endpoint) -> list[Schema]:
    found = re.findall(r"{(\w+)(:[^}]+)?}", endpoint.path)
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"} if pattern else {"type": "string", "pattern": ID_PATTERN},
        }
        for name, pattern in found
    ]


def _query_parameters(endpoint: Endpoint) -> list[Schema]:
    if endpoint.query is None:
        return []
    schema_of_all = endpoint.query.model_json_schema(by_alias=True)
    required = schema_of_all.get("required", ())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            **({"description": schema.pop("description")} if "description" in schema else {}),
            "schema": schema,
        }
        for name, schema in schema_of_all["properties"].items()
    ]


def _body(endpoint: Endpoint, schemas: _Schemas) -> Schema | None:
    if endpoint.body is not None:
        return {"application/json": {"schema": schemas.body(endpoint.body)}}
    if endpoint.patch is not None:
        # RFC 7396: every member is optional and may be null, which the schema of the whole does not say.
        properties = schemas.definitions[endpoint.patch.__name__]["properties"]
        patch = {"type": "object", "additionalProperties": False, "properties": {name: {} for name in properties}}
        return {media_type: {"schema": patch} for media_type in _PATCHES}
    if endpoint.consumes is not None:
        return {endpoint.consumes: {"schema": _FORM}}
    return None


def _responses(endpoint: Endpoint, schemas: _Schemas) -> Schema:
    good: Schema = {"description": HTTPStatus(endpoint.status).phrase}
    if endpoint.answer is not None:
        schema = schemas.answer(endpoint.answer)
        good["content"] = {"application/json": {"schema": _page(schema) if endpoint.listed else schema}}
    elif endpoint.status != HTTPStatus.NO_CONTENT:
        good["content"] = {endpoint.produces: {}}
    problem = {"application/problem+json": {"schema": schemas.answer(ProblemView)}}
    return {
        str(endpoint.status): good,
        **{
            str(status): {"description": HTTPStatus(status).phrase, "content": problem}
            for status in sorted(_errors(endpoint))
        },
    }


def _errors(endpoint: Endpoint) -> set[int]:
    found = {422, 500, *endpoint.errors}
    if not endpoint.public:
        found |= {401, 503}
    if endpoint.body or endpoint.patch or endpoint.consumes:
        found |= {400, 413, 415}
    return found


def _page(item: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["items", "nextCursor"],
        "properties": {
            "items": {"type": "array", "items": item},
            "nextCursor": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
    }
