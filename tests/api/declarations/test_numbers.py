"""Numbers beyond all bounds are refused with the name of their field, and the description shows the bounds."""

from collections.abc import Iterator
from typing import Any

import pytest
from multidict import MultiDict
from pydantic import BaseModel, ValidationError

from mediaserver.api import description
from mediaserver.api.declarations.bodies import Body, parse_object, parse_query, validate
from mediaserver.base.errors import Invalid
from mediaserver.signalling.messages import CLIENT_MESSAGES


class Numbers(Body):
    position: int = 0
    share: float = 0
    anything: Any = None


class Page(Body):
    limit: int | None = None


@pytest.mark.parametrize(
    "number", [str(2**53), str(2**63), str(2**70), str(-(2**70)), "9" * 5000, "1e30", "1e999"]
)
def test_a_number_that_is_too_large_names_its_field(number: str) -> None:
    body = f'{{"position": {number}, "share": {number}, "anything": {{"deep": [1, {number}]}}}}'
    with pytest.raises(Invalid) as refused:
        validate(Numbers, parse_object(body.encode()))
    assert {fault.loc for fault in refused.value.errors} == {"position", "share", "anything.deep.1"}


def test_the_largest_numbers_are_exact() -> None:
    largest = 2**53 - 1
    read = validate(Numbers, parse_object(f'{{"position": {largest}, "share": -{largest}.0}}'.encode()))
    assert (read.position, read.share) == (largest, -largest)


@pytest.mark.parametrize("number", [2**53, 2**70, -(2**70), int("9" * 4000)])
def test_a_parameter_that_is_too_large_is_named(number: int) -> None:
    with pytest.raises(Invalid) as refused:
        parse_query(Page, MultiDict(limit=str(number)))
    (fault,) = refused.value.errors
    assert fault.loc == "limit" and "between" in fault.msg


def _integers(schema: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        if schema.get("type") == "integer" and "const" not in schema and "enum" not in schema:
            yield where, schema
        for name, inner in schema.items():
            yield from _integers(inner, f"{where}.{name}")
    elif isinstance(schema, list):
        for inner in schema:
            yield from _integers(inner, where)


def _named(schema: Any, document: dict[str, Any], seen: set[str]) -> Any:
    """The schema with what it refers to put in, once each."""
    if isinstance(schema, list):
        return [_named(one, document, seen) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(reference := schema.get("$ref"), str):
        if reference in seen:
            return {}
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return _named(found, document, seen | {reference})
    return {name: _named(one, document, seen) for name, one in schema.items()}


def test_every_whole_number_in_a_request_has_its_bounds_in_the_description() -> None:
    document = description()
    unbounded = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in ("get", "post", "put", "patch", "delete"):
                asked = [operation.get("requestBody", {}), operation.get("parameters", [])]
                for where, one in _integers(_named(asked, document, set()), f"{method} {path}"):
                    upper, lower = (
                        {"maximum", "exclusiveMaximum"} & one.keys(),
                        {"minimum", "exclusiveMinimum"} & one.keys(),
                    )
                    if not (upper and lower):
                        unbounded.append((where, one))
    assert not unbounded


def _ints_of(model: type[BaseModel]) -> dict[str, Any]:
    return dict(_integers(model.model_json_schema(by_alias=True), model.__name__))


@pytest.mark.parametrize("event", CLIENT_MESSAGES)
def test_every_whole_number_of_an_event_has_bounds(event: str) -> None:
    for where, schema in _ints_of(CLIENT_MESSAGES[event]).items():
        assert {"maximum", "exclusiveMaximum"} & schema.keys() and "minimum" in schema, where


def test_an_event_with_a_number_that_is_too_large_names_it() -> None:
    join = {"kind": "video", "sessionId": "0" * 26, "since": {"chat": 2**70, "epoch": "a", "n": 2**63}}
    with pytest.raises(ValidationError) as refused:
        CLIENT_MESSAGES["session.join"].model_validate(join)
    assert [error["loc"] for error in refused.value.errors()] == [("since", "chat"), ("since", "n")]
