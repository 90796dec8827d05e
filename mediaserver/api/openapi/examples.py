"""Generates realistic, reproducible examples for the OpenAPI document from its schemas.

The `examples` of a field take precedence; values for field names that many documents share are listed here.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from mediaserver.api.openapi.schemas import Schemas
from mediaserver.base.ids import ID_ALPHABET, ID_PATTERN

Schema = dict[str, Any]

_MOMENT = "2026-03-02T09:00:00.000Z"
_WORDS = {
    "bio": "Teaches mathematics.",
    "category": "Mathematics",
    "code": "invalid",
    "contentType": "image/png",
    "content": "Good morning!",
    "courseCode": "MATH-101",
    "cursor": "eyJpZCI6IjAxIn0",
    "description": "From straight lines to systems of equations.",
    "detail": "Some fields are not valid.",
    "deviceToken": "01JNB6ZV3T8Q4R5S6W7X8Y9Z0A.mW7cXk2TtR0vB9hL",
    "email": "ada@example.org",
    "feedback": "Well argued.",
    "links": "https://example.org/ada",
    "loc": "title",
    "location": "London",
    "login": "ada",
    "msg": "is required",
    "name": "triangle.png",
    "nextCursor": "eyJpZCI6IjAxIn0",
    "password": "correct horse",
    "profileImage": "/files/uploads/01JNB6ZV3T8Q4R5S6W7X8Y9Z0A/ada.webp?person=anyone&expires=…&signature=…",
    "q": "equations",
    "refreshToken": "01JNB6ZV3T8Q4R5S6W7X8Y9Z0A.q3Zr8cVtN1yB5kXe",
    "accessToken": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMSJ9.c2lnbmF0dXJl",
    "senderName": "ada",
    "status": "ok",
    "text": "Two lines that never meet are parallel.",
    "title": "Linear equations",
    "type": "about:blank",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:136.0) Gecko/20100101 Firefox/136.0",
    "videoFileUrl": "/files/recordings/01JNB6ZV3T8Q4R5S6W7X8Y9Z0A/program.mp4?person=…&expires=…&signature=…",
    "url": "/files/uploads/01JNB6ZV3T8Q4R5S6W7X8Y9Z0A/triangle.png?person=…&expires=1772445600&signature=…",
    "username": "ada",
}
_NUMBERS = {
    "duration": 90,
    "expiresIn": 900,
    "height": 480,
    "limit": 20,
    "sequence": 1,
    "size": 48213,
    "width": 640,
}


def example(schemas: Schemas, schema: Schema, name: str = "") -> Any:
    """Return a value that `schema` allows, for a field of this name."""
    schema = schemas.resolve(schema)
    for given in (schema.get("examples"), schema.get("enum")):
        if given:
            return given[0]
    if "const" in schema:
        return schema["const"]
    if options := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return example(schemas, options[0], name)
    maker = _MAKERS.get(schema.get("type", ""))
    return maker(schemas, schema, name) if maker else None


def example_id(name: str) -> str:
    """Return a ULID of March 2026, a different one for each name."""
    digest = hashlib.sha256(name.encode()).digest()
    return "01KJ" + "".join(ID_ALPHABET[byte & 31] for byte in digest[:22])


def _object(schemas: Schemas, schema: Schema, name: str) -> Any:
    return {key: example(schemas, one, key) for key, one in schema.get("properties", {}).items()}


def _array(schemas: Schemas, schema: Schema, name: str) -> Any:
    return [example(schemas, schema["items"], name)] if schema.get("items") else []


def _string(schemas: Schemas, schema: Schema, name: str) -> Any:
    if schema.get("format") == "date-time":
        return _MOMENT
    if schema.get("pattern") == ID_PATTERN or name == "id" or name.endswith("Id"):
        return example_id(name)
    text = schema.get("default") or _WORDS.get(name, "")
    if len(text) < schema.get("minLength", 0):
        text = "text".ljust(schema["minLength"], "s")
    return text[: schema.get("maxLength")]


def _number(schemas: Schemas, schema: Schema, name: str) -> Any:
    value: float = schema.get("default") or _NUMBERS.get(name, 1)
    return min(max(value, schema.get("minimum", value)), schema.get("maximum", value))


def _boolean(schemas: Schemas, schema: Schema, name: str) -> Any:
    return bool(schema.get("default", False))


_MAKERS: dict[str, Callable[[Schemas, Schema, str], Any]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _number,
    "number": _number,
    "boolean": _boolean,
}
