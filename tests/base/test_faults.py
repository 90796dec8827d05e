"""What is wrong is said in words that people understand, whatever pydantic calls it."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, TypeAdapter, ValidationError

from mediaserver.base.faults import form, in_words


class Cat(BaseModel):
    type: Literal["cat"]


class Dog(BaseModel):
    type: Literal["dog"]


Pet = Annotated[Cat | Dog, Field(discriminator="type")]
Checked = Annotated[str, AfterValidator(str.strip), StringConstraints(min_length=8, max_length=1000)]


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (str, 5, "must be text"),
        (Annotated[str, StringConstraints(min_length=1)], "", "must not be empty"),
        (Annotated[str, StringConstraints(max_length=1)], "ab", "must have at most 1 character"),
        (Checked, "short", "must have at least 8 characters"),
        (Checked, "x" * 1001, "must have at most 1,000 characters"),
        (Annotated[list[int], Field(min_length=2)], [1], "must have at least 2 entries"),
        (Annotated[list[int], Field(max_length=2)], [1, 2, 3], "must have at most 2 entries"),
        (Annotated[str, form("^[0-9]{13}$", "must have 13 digits")], "x", "must have 13 digits"),
        (int, "5", "must be a whole number"),
        (int, 1.5, "must be a whole number"),
        (float, "5", "must be a number"),
        (bool, "yes", "must be true or false"),
        (Annotated[int, Field(ge=0)], -1, "must be at least 0"),
        (Annotated[int, Field(le=1_000_000)], 1_000_001, "must be at most 1,000,000"),
        (Annotated[int, Field(gt=0)], 0, "must be more than 0"),
        (Annotated[int, Field(lt=5)], 5, "must be less than 5"),
        (Literal["open", "closed"], "x", "must be one of open, closed"),
        (Literal["Text"], "x", "must be Text"),
        (list[int], "x", "must be a list"),
        (dict[str, int], [], "must be an object"),
        (Cat, [], "must be an object"),
        (None, 1, "must be null"),
        (Pet, {}, "needs type, which says what it is"),
        (Pet, {"type": "cow"}, "type must be one of cat, dog"),
    ],
)
def test_what_is_wrong_is_said_plainly(kind: Any, value: Any, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value, strict=True)
    (fault,) = refused.value.errors()
    assert in_words(fault) == words
