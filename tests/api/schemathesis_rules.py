"""What schemathesis is told beside the description, in tests and by `SCHEMATHESIS_HOOKS`."""

import itertools
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation

from mediaserver.api.declarations.bodies import WRONG_BODY, WRONG_QUERY
from mediaserver.api.openapi.portable_patterns import portable
from mediaserver.base.faults import declared_forms

_CONDITIONS = itertools.cycle(("*", None, None, '"0.abc"', None, None, 'W/"0.abc", "1.abc"', None, None))
_numbers = itertools.count()
_LONGEST_FROM_PATTERN = 1000


def with_exact_patterns(schema: Any) -> Any:
    """The description with the patterns that the server itself checks, not those that it exports: what
    every engine understands allows more, and data made from it would be refused."""
    if isinstance(schema, list):
        return [with_exact_patterns(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: with_exact_patterns(one) for name, one in schema.items()}
    if isinstance(found.get("pattern"), str):
        found["pattern"] = _EXACT.get(found["pattern"], found["pattern"])
    return found


_EXACT = {portable(pattern): pattern for pattern in declared_forms()}


@schemathesis.hook
def before_load_schema(ctx: Any, raw_schema: dict[str, Any]) -> None:
    raw_schema.update(with_exact_patterns(raw_schema))


def with_short_long_texts(schema: Any) -> Any:
    """The description with a format in the place of the patterns of long texts: Hypothesis takes a minute to make
    one of 5,000 characters from a pattern. That they have no control characters is left to test_hostile.py.
    """
    if isinstance(schema, list):
        return [with_short_long_texts(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: with_short_long_texts(one) for name, one in schema.items()}
    if isinstance(found.get("pattern"), str) and found.get("maxLength", 0) > _LONGEST_FROM_PATTERN:
        del found["pattern"]
        found["format"] = "long-text"
    return found


schemathesis.openapi.format(
    "long-text", st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=40)
)


@schemathesis.check
def takes_what_the_schema_allows(ctx: Any, response: Any, case: Any) -> None:
    if response.status_code == 422 and case.meta and case.meta.generation.mode.is_positive:
        problem = response.json()
        assert problem["detail"] not in (WRONG_BODY, WRONG_QUERY), f"valid by the schema, but refused: {problem}"


@schemathesis.hook
def before_call(ctx: Any, case: Any, kwargs: Any) -> None:
    """Each request has a key of its own, and a condition in some only: else hardly anything would happen.

    For conditions schemathesis takes values of its own instead of those that the schema allows.
    """
    data = case.meta.phase.data if case.meta else None
    if getattr(data, "parameter_location", None) == ParameterLocation.HEADER:
        return
    for name in ("If-Match", "If-None-Match"):
        if case.headers.pop(name, None) is not None and (condition := next(_CONDITIONS)):
            case.headers[name] = condition
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"key {next(_numbers)}"
