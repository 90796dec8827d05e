"""Parses request bodies and query strings into typed objects: no coercion, no unknown fields, every error
named."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Annotated, Any, Final, NoReturn, TypeVar, get_args, get_origin

from aiohttp import web
from multidict import MultiMapping
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from mediaserver.base.errors import BadRequest, FieldError, Invalid, NotFound, TooLarge, UnsupportedMedia
from mediaserver.base.faults import in_words
from mediaserver.base.ids import ID_PATTERN
from mediaserver.base.json_values import has_more_values
from mediaserver.domain.documents.document import RULE

M = TypeVar("M", bound=BaseModel)

_ID = re.compile(ID_PATTERN)
_JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
PATCH_TYPES = (_JSON, MERGE_PATCH)
_DEEPEST = 32
MAX_VALUES: Final = 6_000
"""Most list items and object members of a body. The largest valid one, 200 quizzes with ten options and ten
answers, has 5,400."""
_INLINE_BYTES: Final = 256 * 1024
"""Larger bodies are parsed in a thread, so that the event loop continues meanwhile."""
MAX_FAULTS: Final = 500
"""Most errors that are listed one by one; a body with more is refused with a single error."""
LARGEST = 2**53 - 1
LARGEST_BODY = 1 << 20
SMALL_BODY = 8 * 1024
"""For names, passwords and tokens: everything that clients send before they are signed in."""
_RAW = web.RequestKey("body", bytes)
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_DIGITS: Final = 30
_BEYOND: Final = 10**_MOST_DIGITS
"""Replaces numbers with more digits: no field accepts them."""
_TOO_LARGE: Final = f"must be between -{LARGEST:,} and {LARGEST:,}"
_INTEGER = re.compile(r"-?[0-9]+")
WRONG_BODY, WRONG_QUERY = "Some fields are not valid.", "The query is not valid."
"""Used only for what the OpenAPI document rules out."""
_UNFIT = "Some fields do not fit together."


class Body(BaseModel):
    """Base of request bodies and queries."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


def checked_id(text: str) -> str:
    """Return the id. Raises: NotFound when it cannot be one."""
    if not _ID.fullmatch(text):
        raise NotFound("not_found", "There is nothing with this id.")
    return text


async def parse_body(model: type[M], request: web.Request, limit: int = LARGEST_BODY) -> M:
    """Return the JSON body as `model`. Raises: BadRequest("malformed"), UnsupportedMedia, Invalid, TooLarge."""
    raw = await _read(request, (_JSON,), limit)
    if len(raw) > _INLINE_BYTES:
        return await asyncio.to_thread(lambda: validate(model, parse_object(raw)))
    return validate(model, parse_object(raw))


async def parse_patch(request: web.Request, limit: int = LARGEST_BODY) -> dict[str, Any]:
    """Return the JSON body as a merge patch: an object of any shape. Raises: as `parse_body`."""
    raw = await _read(request, PATCH_TYPES, limit)
    return parse_object(raw) if len(raw) <= _INLINE_BYTES else await asyncio.to_thread(parse_object, raw)


async def read_body(request: web.Request, limit: int) -> bytes:
    """Return the whole body, even if it was read before. Raises: TooLarge, without reading the rest."""
    kept: bytes | None = request.get(_RAW)
    if kept is not None:
        return kept
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    whole = request[_RAW] = bytes(body)
    return whole


def _too_large(limit: int) -> TooLarge:
    return TooLarge("too_large", f"The request body is too large. At most {limit:,} bytes are allowed here.")


def parse_query(model: type[BaseModel] | None, query: MultiMapping[str]) -> BaseModel | None:
    """Return the query string as `model`; None allows no parameters. Raises: Invalid."""
    given = dict(query)
    twice = [FieldError(name, "is given more than once") for name in given if len(query.getall(name)) > 1]
    if twice:
        raise Invalid("invalid", WRONG_QUERY, twice)
    if model is None:
        if given:
            faults = [FieldError(name, "is not a parameter here") for name in given]
            raise Invalid("invalid", WRONG_QUERY, faults)
        return None
    kinds = _kinds(model)
    return validate(model, {name: _typed(text, kinds.get(name)) for name, text in given.items()}, WRONG_QUERY)


@cache
def _kinds(model: type[BaseModel]) -> dict[str, type]:
    """Return the parameters, by wire name, that are integers or booleans; all others are text."""
    kinds: dict[str, type] = {}
    for name, info in model.model_fields.items():
        parts = {info.annotation, *get_args(info.annotation)}
        parts |= {get_args(part)[0] for part in parts if get_origin(part) is Annotated}
        for kind in (bool, int):
            if kind in parts:
                kinds[info.alias or name] = kind
    return kinds


def _typed(text: str, kind: type | None) -> str | int | bool:
    """Return the parameter's value if it is spelled canonically, otherwise the text, which validation refuses."""
    if kind is bool:
        return {"true": True, "false": False}.get(text, text)
    if kind is int and _INTEGER.fullmatch(text):
        return _int(text)
    return text


def validate(model: type[M], data: Mapping[str, Any], detail: str = WRONG_BODY) -> M:
    """Return JSON types as `model`, without coercion. Raises: Invalid naming every bad field by its wire name."""
    try:
        # Through JSON, because strict validation accepts lists for tuples only there. Clients may not use
        # Python names.
        text = json.dumps(data, ensure_ascii=False).encode()
        valid = model.model_validate_json(text, strict=True, by_alias=True, by_name=False)
    except UnicodeEncodeError:
        halves = islice(_half_characters(data), MAX_FAULTS)
        raise Invalid("invalid", detail, [FieldError(loc, "must be Unicode text") for loc in halves]) from None
    except ValidationError as error:
        _refuse(error, data, detail)
    if large := list(islice(_large_numbers(data), MAX_FAULTS)):
        raise Invalid("invalid", detail, [FieldError(loc, _TOO_LARGE) for loc in large])
    return valid


def merge(target: Any, patch: Any) -> Any:
    """Apply a merge patch (RFC 7396 section 2): objects merge, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


async def _read(request: web.Request, types: Sequence[str], limit: int) -> bytes:
    if request.content_type not in types:
        raise UnsupportedMedia("unsupported_media_type", f"The request body must be {' or '.join(types)}.")
    return await read_body(request, limit)


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return a JSON object with bounded size and depth. Raises: BadRequest("malformed"), Invalid."""
    if has_more_values(raw, MAX_VALUES):
        # The rest is not parsed, so the body may also be malformed.
        raise BadRequest("malformed", f"The request body has more than {MAX_VALUES:,} values.")
    try:
        # RFC 8259 section 8.1: UTF-8 and no other encoding.
        data = json.loads(raw.decode(), parse_constant=_no_constant, parse_int=_int, parse_float=_float)
    except (ValueError, RecursionError):
        raise BadRequest("malformed", "The request body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise Invalid("invalid", "The request body must be a JSON object.", [FieldError("", "must be an object")])
    if _depth(data) > _DEEPEST:
        raise Invalid(
            "invalid", f"The request body is nested deeper than {_DEEPEST} levels.", [FieldError("", "too deep")]
        )
    return data


def _depth(data: Any) -> int:
    """Return the levels of nesting, counted without recursion and only up to slightly above the limit."""
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
    """Parse an integer. One with very many digits becomes a number that is too large, without being parsed."""
    if len(digits) > _MOST_DIGITS:
        return -_BEYOND if digits.startswith("-") else _BEYOND
    return int(digits)


def _float(text: str) -> int | float:
    """Parse a number with a fraction or an exponent. 1.0 equals 1, so it is accepted where integers are."""
    number = float(text)
    if abs(number) > _BEYOND:
        return -_BEYOND if number < 0 else _BEYOND
    return int(number) if number.is_integer() else number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not valid in JSON")


def _large_numbers(data: Any, loc: str = "") -> Iterator[str]:
    """Yield the places of numbers that other JSON parsers cannot represent exactly (RFC 8259 section 6)."""
    if isinstance(data, (int, float)):
        if abs(data) > LARGEST:
            yield loc
    elif isinstance(data, (list, dict)):
        for name, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _large_numbers(value, f"{loc}.{name}" if loc else str(name))


def _half_characters(data: Any, loc: str = "") -> Iterator[str]:
    """Yield the places of strings or names with an unpaired surrogate: JSON allows it, Unicode encodings do not
    (RFC 8259 section 8.2)."""
    if isinstance(data, str) and _SURROGATE.search(data):
        yield loc
    elif isinstance(data, (list, dict)):
        for name, value in data.items() if isinstance(data, dict) else enumerate(data):
            inner = f"{loc}.{name}" if loc else str(name)
            yield from _half_characters(name, inner)
            yield from _half_characters(value, inner)


def _refuse(error: ValidationError, data: Mapping[str, Any], detail: str) -> NoReturn:
    if error.error_count() > MAX_FAULTS:
        fault = FieldError("", f"has more than {MAX_FAULTS} errors")
        raise Invalid("invalid", detail, [fault]) from None
    found: dict[str, dict[str, None]] = {}
    faults = error.errors(include_url=False)
    for one in faults:
        loc = _place(one["loc"], data, missing=one["type"] == "missing")
        found.setdefault(loc, {})[in_words(one)] = None
    told = _UNFIT if all(one["type"] == RULE for one in faults) else detail
    raise Invalid("invalid", told, [FieldError(loc, " or ".join(said)) for loc, said in found.items()]) from None


def _place(loc: Sequence[int | str], data: Any, missing: bool) -> str:
    """Return where the error is in `data`. Pydantic also names members of unions, which are left out."""
    steps = []
    for at, step in enumerate(loc):
        is_there = (
            step in data if isinstance(data, Mapping) else isinstance(data, list) and step in range(len(data))
        )
        if is_there:
            data = data[step]
        if is_there or (missing and at == len(loc) - 1):
            steps.append(str(step))
    return ".".join(steps)
