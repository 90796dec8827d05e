"""OpenAPI descriptions of the operations of resources, derived from their declarations."""

from collections.abc import Sequence

from pydantic.alias_generators import to_camel

from mediaserver.base.nouns import plural, with_article
from mediaserver.store.reader import Sort

_CONDITION = "With `If-Match`, the request fails with 412 if it was changed after you read it."


def list_text(noun: str, of: str, sort: Sort, left_out: Sequence[str], searched: bool) -> str:
    """Describe a list. `of` is the noun of the parent with its article; empty for the list of all documents."""
    found = [f"Return a page of the {plural(noun)}{f' of {of}' if of else ''} that you may read, {_order(sort)}."]
    found.append("Pass the `nextCursor` of a page as `cursor` to get the next one.")
    if searched:
        found.append("`q` searches the text.")
    if left_out:
        found.append(f"Items omit {_names(left_out)}; read a single one to get them.")
    return " ".join(found)


def create_text(noun: str, of: str) -> str:
    place = f" of {of}" if of else ""
    return f"Create {with_article(noun)}{place} and return it. The `Location` header is its path."


def read_text(noun: str, editable: bool) -> str:
    tag = " Its `ETag` names the revision, for `If-Match` of a later change." if editable else ""
    return f"Return {with_article(noun)} that you may read.{tag}"


def change_text(noun: str, fields: Sequence[str]) -> str:
    return (
        f"Change {_names(fields)} of {with_article(noun)} with a JSON Merge Patch (RFC 7396): fields that you "
        f"leave out keep their values, and `null` resets a field to its default. {_CONDITION}"
    )


def delete_text(noun: str, editable: bool) -> str:
    return f"Delete {with_article(noun)}.{f' {_CONDITION}' if editable else ''}"


def _order(sort: Sort) -> str:
    field, direction = sort[0]
    if field == "_id":
        return "newest first" if direction < 0 else "oldest first"
    return f"by `{to_camel(field)}`, {'descending' if direction < 0 else 'ascending'}"


def _names(fields: Sequence[str]) -> str:
    quoted = [f"`{to_camel(name)}`" for name in fields]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
