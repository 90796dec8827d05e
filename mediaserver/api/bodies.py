"""Bytes and query strings become typed objects, strictly: no coercion, no unknown field, every fault named."""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from aiohttp import web
from multidict import MultiMapping
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from mediaserver.base.errors import BadRequest, FieldError, Invalid, NotFound, UnsupportedMedia
from mediaserver.base.ids import ID_PATTERN

M = TypeVar("M", bound=BaseModel)

_ID = re.compile(ID_PATTERN)
_JSON_TYPES = ("application/json", "application/merge-patch+json")
_DEEPEST = 32
_LARGEST = 2**53
_MESSAGES = {
    "extra_forbidden": "is not a field that can be given here",
    "missing": "is required",
}


class Body(BaseModel):
    """Base of request bodies and queries."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, allow_inf_nan=False
    )


def checked_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise NotFound("not_found", "there is nothing with this id")
    return text


async def parse_body(model: type[M], request: web.Request) -> M:
    """The JSON body as `model`. BadRequest `malformed`, UnsupportedMedia, Invalid, TooLarge."""
    return validate(model, await _read_object(request))


async def parse_patch(request: web.Request) -> dict[str, Any]:
    """The JSON body as a merge patch: an object of any shape."""
    return await _read_object(request)


def parse_query(model: type[BaseModel] | None, query: MultiMapping[str]) -> BaseModel | None:
    """The query string as `model`; None takes no parameter at all. Invalid."""
    given = dict(query)
    twice = [FieldError(name, "is given more than once") for name in given if len(query.getall(name)) > 1]
    if twice:
        raise Invalid("invalid", "the query is wrong", twice)
    if model is None:
        if given:
            faults = [FieldError(name, "is not a parameter here") for name in given]
            raise Invalid("invalid", "the query is wrong", faults)
        return None
    try:
        parsed = model.model_validate(given)
    except ValidationError as error:
        _refuse(error, "the query is wrong")
    large = [name for name, value in parsed if isinstance(value, int) and abs(value) >= _LARGEST]
    if large:
        faults = [FieldError(to_camel(name), "is too large a number") for name in large]
        raise Invalid("invalid", "the query is wrong", faults)
    return parsed


def validate(model: type[M], data: Mapping[str, Any]) -> M:
    """`data` (JSON types) as `model`, strictly. Invalid names every bad field by its wire name."""
    try:
        # Through JSON, because only there strict validation takes a string for a time.
        return model.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        _refuse(error, "some fields are wrong")


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2: objects merge, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


async def _read_object(request: web.Request) -> dict[str, Any]:
    if request.content_type not in _JSON_TYPES:
        raise UnsupportedMedia("unsupported_media_type", "the body must be application/json")
    raw = await request.read()
    try:
        data = json.loads(raw, parse_constant=_no_constant, parse_int=_int)
    except (ValueError, RecursionError):
        raise BadRequest("malformed", "the body is not valid JSON, or has numbers beyond 2^53") from None
    if not isinstance(data, dict):
        raise Invalid("invalid", "the body must be a JSON object", [FieldError("", "must be an object")])
    if _depth(data) > _DEEPEST:
        raise Invalid(
            "invalid", f"the body is nested deeper than {_DEEPEST} levels", [FieldError("", "too deep")]
        )
    return data


def _depth(data: Any) -> int:
    """Levels of nesting, counted without recursion up to a little over the limit."""
    level, depth = [data], 0
    while level and depth <= _DEEPEST:
        depth += 1
        level = [
            inner
            for value in level
            if isinstance(value, (dict, list))
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return depth


def _int(digits: str) -> int:
    """Numbers that other readers of JSON would change are none (RFC 8259 section 6)."""
    number = int(digits)
    if abs(number) >= _LARGEST:
        raise ValueError("too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _refuse(error: ValidationError, detail: str) -> NoReturn:
    faults = [
        FieldError(".".join(map(str, one["loc"])), _MESSAGES.get(one["type"], _plain(one["msg"])))
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    raise Invalid("invalid", detail, faults) from None


def _plain(message: str) -> str:
    """pydantic's sentence as ours: without its prefix for validators, with a small first letter."""
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
