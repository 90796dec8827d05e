"""JSON Schemas of request and response bodies, exactly as strict as the server's checks.

Pydantic generates their shape. This module adds what it does not know: allowed characters, the range of
numbers, and the shape of merge patches.
"""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mediaserver.api.declarations.bodies import LARGEST
from mediaserver.api.openapi.portable_patterns import portable
from mediaserver.base.faults import form_in_words
from mediaserver.domain.documents.document import COMPONENT
from mediaserver.domain.text.text import KIND, text_pattern

Schema = dict[str, Any]

REF = "#/components/schemas/"
_NULL: Schema = {"type": "null"}


class Schemas:
    """Collects each model once, under its name."""

    def __init__(
        self,
        bodies: Iterable[type[BaseModel]],
        patches: Iterable[type[BaseModel]],
        answers: Iterable[type[BaseModel]],
    ) -> None:
        taken, given = _ordered({*bodies, *patches}), _ordered(set(answers))
        wanted = [(m, "validation") for m in taken] + [(m, "serialization") for m in given]
        refs, schema = models_json_schema(wanted, by_alias=True, ref_template=REF + "{model}")  # type: ignore[arg-type]
        self._refs: dict[Any, Schema] = {key: _plainly_named(one) for key, one in refs.items()}
        self.definitions: Schema = {}
        for name, one in _plainly_named(schema["$defs"]).items():
            self.definitions[name] = self._with_named_unions(exact(one), whole=True)

    def body(self, model: type[BaseModel]) -> Schema:
        return self._refs[model, "validation"]

    def answer(self, model: type[BaseModel]) -> Schema:
        return self._refs[model, "serialization"]

    def named(self, name: str, schema: Schema) -> Schema:
        """Register `schema` under a name; return a reference to it."""
        assert self.definitions.setdefault(name, schema) == schema, f"two schemas are named {name}"
        return {"$ref": REF + name}

    def page(self, item: Schema) -> Schema:
        """Return the schema of a page of such items."""
        return self.named(item["$ref"].removeprefix(REF).removesuffix("View") + "Page", page_of(item))

    def patch(self, model: type[BaseModel]) -> Schema:
        """Return the schema of a merge patch (RFC 7396) of this body."""
        return self._patch_of(self.body(model)["$ref"])

    def resolve(self, schema: Schema) -> Schema:
        """Return the schema that a reference refers to."""
        while "$ref" in schema:
            schema = self.definitions[schema["$ref"].removeprefix(REF)]
        return schema

    def used_by(self, description: Any) -> Schema:
        """Return all definitions that `description` refers to, directly or indirectly."""
        found: dict[str, None] = {}
        waiting = [description]
        while waiting:
            one = waiting.pop()
            if isinstance(one, list):
                waiting += one
            elif isinstance(one, dict):
                name = str(one.get("$ref", "")).removeprefix(REF)
                if name in self.definitions and name not in found:
                    found[name] = None
                    waiting.append(self.definitions[name])
                waiting += one.values()
        return {name: self.definitions[name] for name in sorted(found)}

    def _with_named_unions(self, schema: Any, whole: bool = False) -> Any:
        """Return the schema with a reference in place of each named union."""
        if isinstance(schema, list):
            return [self._with_named_unions(one) for one in schema]
        if not isinstance(schema, dict):
            return schema
        found = {key: self._with_named_unions(one) for key, one in schema.items() if key != COMPONENT}
        if whole or COMPONENT not in schema:
            return found
        shown = any(one["$ref"].endswith("View") for one in found["oneOf"])
        name = schema[COMPONENT] + ("View" if shown else "")
        union = {key: found[key] for key in ("oneOf", "discriminator")}
        return {key: one for key, one in found.items() if key not in union} | self.named(name, union)

    def _patch_of(self, ref: str) -> Schema:
        name = ref.removeprefix(REF)
        patch_name = name.removesuffix("Update") + "Patch"
        if patch_name not in self.definitions:
            whole = self.definitions[name]
            self.definitions[patch_name] = {}  # recursive schemas end here
            required = whole.get("required", ())
            self.definitions[patch_name] = {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    key: self._patch_member(one, removable=key not in required)
                    for key, one in whole.get("properties", {}).items()
                },
            }
        return {"$ref": REF + patch_name}

    def _patch_member(self, schema: Schema, removable: bool) -> Schema:
        """Objects merge, null removes where there is a default, everything else replaces."""
        member = {key: value for key, value in deepcopy(schema).items() if key != "default"}
        options = member.get("anyOf", [member])
        merged = [self._patch_of(one["$ref"]) if self._is_object(one) else one for one in options]
        if removable and _NULL not in merged:
            merged.append(_NULL)
        if "anyOf" not in member and len(merged) == 1 and merged[0] is member:
            return member
        described = {"description": member["description"]} if "description" in member else {}
        rest = [{k: v for k, v in one.items() if k != "description"} if one is member else one for one in merged]
        return {**described, **({"anyOf": rest} if len(rest) > 1 else rest[0])}

    def _is_object(self, schema: Schema) -> bool:
        return "$ref" in schema and "properties" in self.resolve(schema)


def _plainly_named(schema: Any) -> Any:
    """Return the schema with our suffixes instead of pydantic's, for models that differ in requests and
    responses: responses always have the fields that requests may omit."""
    if isinstance(schema, dict):
        return {
            _plain_name(key) if isinstance(key, str) else key: _plainly_named(one) for key, one in schema.items()
        }
    if isinstance(schema, list):
        return [_plainly_named(one) for one in schema]
    return _plain_name(schema) if isinstance(schema, str) else schema


def _plain_name(text: str) -> str:
    if text.endswith("-Input"):
        return text.removesuffix("-Input")
    return f"{text.removesuffix('-Output')}View" if text.endswith("-Output") else text


def exact(schema: Any) -> Any:
    """Return the schema with the constraints that pydantic omits, and without the titles that it generates."""
    if isinstance(schema, list):
        return [exact(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: _each_exact(value) if key in ("properties", "$defs") else exact(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and key != KIND
    }
    if KIND in schema and "pattern" not in schema:
        found["pattern"] = text_pattern(schema[KIND], schema.get("minLength", 0))
    elif isinstance(pattern := schema.get("pattern"), str) and (plain := portable(pattern)) != pattern:
        words = form_in_words(pattern)
        found["pattern"] = plain
        found["description"] = " ".join(filter(None, (schema.get("description"), words)))
    if schema.get("type") == "integer":
        if "minimum" not in schema and "exclusiveMinimum" not in schema:
            found["minimum"] = -LARGEST
        if "maximum" not in schema and "exclusiveMaximum" not in schema:
            found["maximum"] = LARGEST
    return found


def _each_exact(members: Schema) -> Schema:
    """Make an object's members exact. Passwords are write-only."""
    secret: Schema = {"format": "password", "writeOnly": True}
    return {
        name: exact(one) | (secret if name.lower().endswith("password") else {}) for name, one in members.items()
    }


def page_of(item: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["items", "nextCursor"],
        "additionalProperties": False,
        "properties": {
            "items": {"type": "array", "items": item},
            "nextCursor": {"anyOf": [{"type": "string"}, _NULL], "description": "Null on the last page."},
        },
    }


def _ordered(models: set[type[BaseModel]]) -> list[type[BaseModel]]:
    return sorted(models, key=lambda model: model.__name__)
