"""Builds the OpenAPI 3.1 document from the declarations of the endpoints that the server serves."""

import inspect
import re
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from importlib.metadata import version

from mediaserver.api.declarations.bodies import MERGE_PATCH
from mediaserver.api.declarations.endpoint import PREFIX, Endpoint
from mediaserver.api.declarations.views import ProblemView
from mediaserver.api.openapi import components
from mediaserver.api.openapi.enumerations import with_named_enumerations
from mediaserver.api.openapi.examples import example
from mediaserver.api.openapi.operation_names import operation_name
from mediaserver.api.openapi.schemas import Schema, Schemas, exact
from mediaserver.base.ids import ID_PATTERN
from mediaserver.base.nouns import singular, words

_BINARY: Schema = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
"""OpenAPI 3.1 uses `contentMediaType`; generators look for the `format` of OpenAPI 3.0."""
_FORM: Schema = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {**_BINARY, "description": "The file, with its name."}},
}
_DESCRIPTION = """\
Users, courses, messages, and live, video and audio sessions with chat and recordings. Realtime events use
Socket.IO; docs/protocol.md describes them, and what all operations here share: conditions, idempotency, limits.
"""


_PATCH = "A JSON Merge Patch (RFC 7396). The media type `application/json` is accepted too."
_WHOLE: Mapping[str, Schema] = {
    "application/json": {
        "application/json": {"schema": {"type": "object", "additionalProperties": True}, "example": {}}
    },
    "text/plain": {"text/plain": {"schema": {"type": "string"}, "example": "process_threads 12.0\n"}},
    "*/*": {"application/octet-stream": {"schema": _BINARY}, "*/*": {"schema": _BINARY}},
}
"""Content of responses without a model, by media type."""


def describe(endpoints: Sequence[Endpoint], tags: Mapping[str, str]) -> Schema:
    """Return the whole document. `tags` describes each tag."""
    schemas = Schemas(
        [e.accepts.body for e in endpoints if e.accepts.body],
        [e.accepts.patch for e in endpoints if e.accepts.patch],
        [*(e.returns.model for e in endpoints if e.returns.model), ProblemView],
    )
    paths: dict[str, Schema] = {}
    for endpoint in endpoints:
        path = endpoint.prefix + re.sub(r":[^}]+}", "}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    used = dict.fromkeys(endpoint.tag for endpoint in endpoints)
    refusals = components.problems(schemas.answer(ProblemView))
    document = {
        "openapi": "3.1.0",
        "info": {"title": "mediaserver", "version": version("mediaserver"), "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag, "description": tags[tag]} for tag in used if tag in tags],
        "paths": paths,
        "components": {
            "schemas": schemas.used_by([paths, refusals]),
            "responses": refusals,
            "parameters": components.PARAMETERS,
            "headers": components.HEADERS,
            "securitySchemes": {
                "accessToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The `accessToken` that signing in returns (RFC 6750).",
                }
            },
        },
    }
    return with_named_enumerations(document)


def _operation(endpoint: Endpoint, schemas: Schemas) -> Schema:
    operation: Schema = {
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "description": _description(endpoint),
        "operationId": endpoint.name
        or operation_name(endpoint.method, endpoint.path, endpoint.returns.page, endpoint.creates),
        "responses": _responses(endpoint, schemas),
        "security": [] if endpoint.public else [{"accessToken": []}],
    }
    parameters = [*_path_parameters(endpoint), *_query_parameters(endpoint), *_header_parameters(endpoint)]
    if parameters:
        operation["parameters"] = parameters
    if body := _body(endpoint, schemas):
        about = {"description": _PATCH} if endpoint.accepts.patch else {}
        operation["requestBody"] = {**about, "required": endpoint.accepts.body_required, "content": body}
    return operation


def _description(endpoint: Endpoint) -> str:
    handler = endpoint.handler
    function = handler.func if isinstance(handler, partial) else handler
    text = endpoint.description or inspect.getdoc(function) or ""
    return re.sub(r"(?<!\n)\n(?![\n-])", " ", text)


def _path_parameters(endpoint: Endpoint) -> list[Schema]:
    found = re.findall(r"{(\w+)(:[^}]+)?}", endpoint.path)
    return [
        {
            "name": name,
            "in": "path",
            "description": _path_description(endpoint.path, name),
            "required": True,
            "schema": {"type": "string", "minLength": 1}
            if pattern
            else {"type": "string", "pattern": ID_PATTERN},
        }
        for name, pattern in found
    ]


def _path_description(path: str, name: str) -> str:
    """Describe a path parameter: the segment before an `id` tells what it identifies."""
    if name in _NAMED:
        return _NAMED[name]
    before = path.split(f"/{{{name}}}")[0].rpartition("/")[2]
    thing = singular(words(before)) if name == "id" else words(name.removesuffix("Id"))
    return f"Id of the {thing}."


_NAMED = {
    "courseCode": "Code of the course, in upper or lower case.",
    "key": "Key of the object, as in its link.",
}


def _query_parameters(endpoint: Endpoint) -> list[Schema]:
    if endpoint.accepts.query is None:
        return []
    schema_of_all = exact(endpoint.accepts.query.model_json_schema(by_alias=True))
    assert "$defs" not in schema_of_all, "parameters are plain values"
    required = schema_of_all.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, **_parameter(schema)}
        for name, schema in schema_of_all["properties"].items()
    ]


def _parameter(schema: Schema) -> Schema:
    """Return a query parameter's schema without null: parameters are omitted instead."""
    if "anyOf" in schema:
        (given,) = [one for one in schema.pop("anyOf") if one != {"type": "null"}]
        schema = {**given, **{name: value for name, value in schema.items() if name != "default"}}
    elif schema.get("default", "") is None:
        del schema["default"]
    about = {"description": schema.pop("description")} if "description" in schema else {}
    return {**about, "schema": schema}


def _header_parameters(endpoint: Endpoint) -> list[Schema]:
    if endpoint.prefix != PREFIX:
        return []
    names = ["IfNoneMatch"] if endpoint.tagged else ["IfMatch"] if endpoint.accepts.conditional else []
    if endpoint.method == "POST":
        names.append("IdempotencyKey")
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _body(endpoint: Endpoint, schemas: Schemas) -> Schema | None:
    if endpoint.accepts.body is not None:
        return {"application/json": _content(schemas, schemas.body(endpoint.accepts.body))}
    if endpoint.accepts.patch is not None:
        # Generators treat a body with several media types as optional, so only the preferred one is described.
        return {MERGE_PATCH: _content(schemas, schemas.patch(endpoint.accepts.patch))}
    if endpoint.accepts.consumes is not None:
        return {endpoint.accepts.consumes: {"schema": schemas.named("UploadForm", _FORM)}}
    return None


def _content(schemas: Schemas, schema: Schema) -> Schema:
    return {"schema": schema, "example": example(schemas, schema)}


def _responses(endpoint: Endpoint, schemas: Schemas) -> Schema:
    good = {
        str(status): _good(endpoint, schemas, status)
        for status in (endpoint.returns.status, *endpoint.returns.other_statuses)
    }
    if endpoint.tagged:
        good["304"] = {
            "description": "The client's version is still current.",
            "headers": components.refer("ETag"),
        }
    good |= {
        str(status): {"description": HTTPStatus(status).phrase} for status in endpoint.returns.bodiless_statuses
    }
    refused = {
        str(status): {"$ref": f"#/components/responses/{components.problem_name(status)}"}
        for status in _errors(endpoint)
    }
    return dict(sorted({**good, **refused}.items()))


def _good(endpoint: Endpoint, schemas: Schemas, status: int) -> Schema:
    response: Schema = {"description": HTTPStatus(status).phrase}
    if endpoint.returns.model is not None:
        schema = schemas.answer(endpoint.returns.model)
        response["content"] = {
            "application/json": _content(schemas, schemas.page(schema) if endpoint.returns.page else schema)
        }
    elif endpoint.method == "GET":
        response["content"] = _WHOLE.get(
            endpoint.returns.produces, {endpoint.returns.produces: {"schema": _BINARY}}
        )
    if headers := _headers(endpoint, status):
        response["headers"] = headers
    return response


def _headers(endpoint: Endpoint, status: int) -> Schema:
    if endpoint.prefix != PREFIX:
        return {}
    names = ["RateLimit", "RateLimit-Policy"]
    if endpoint.tagged or (
        (endpoint.accepts.conditional or endpoint.returns.revision_tag) and status != HTTPStatus.NO_CONTENT
    ):
        names += ["ETag"]
    if endpoint.method == "POST":
        names += ["Idempotency-Replayed"]
    if status == HTTPStatus.CREATED:
        names += ["Location"]
    return components.refer(*names)


def _errors(endpoint: Endpoint) -> list[int]:
    found = {422, 500, *endpoint.returns.errors}
    if endpoint.gated:
        found.add(403)
    if endpoint.prefix == PREFIX:
        found |= {400, 429, 503}
    if not endpoint.public:
        found |= {401}
    if endpoint.accepts.body or endpoint.accepts.patch or endpoint.accepts.consumes:
        found |= {408, 413, 415}
    if endpoint.method == "POST":
        found |= {409}
    if endpoint.tagged:
        found |= {412}
    return sorted(found)
