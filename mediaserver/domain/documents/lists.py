"""Lists without duplicates: `Annotated[list[Id], Field(json_schema_extra=UNIQUE), DISTINCT]`."""

from typing import Any, Final

from pydantic import AfterValidator, JsonValue

UNIQUE: Final[dict[str, JsonValue]] = {"uniqueItems": True}


def _distinct(items: list[Any]) -> list[Any]:
    if len(set(map(str, items))) < len(items):
        raise ValueError("must not contain duplicates")
    return items


DISTINCT: Final = AfterValidator(_distinct)
