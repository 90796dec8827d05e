"""Turn a search query into a store filter for documents that contain every word.

There are no operators: all characters other than words are separators.
"""

import re
from collections.abc import Mapping
from typing import Any

from bson import Regex

from mediaserver.base.errors import FieldError, Invalid
from mediaserver.domain.documents.document import SEARCH_TERMS
from mediaserver.domain.text.search_terms import MOST_WORDS, Condition, TooManyWords, query

NOTHING: Mapping[str, Any] = {"_id": {"$in": []}}


def search_filter(words: str) -> Mapping[str, Any]:
    """Return a filter for documents with a stored term for every word; an empty query matches nothing.

    Raises: Invalid for more than `MOST_WORDS` words.
    """
    try:
        conditions = query(words)
    except TooManyWords:
        fault = FieldError("q", f"may have at most {MOST_WORDS} words")
        raise Invalid("invalid", f"A search may have at most {MOST_WORDS} words.", [fault]) from None
    return {"$and": [{SEARCH_TERMS: _operand(one)} for one in conditions]} if conditions else NOTHING


def _operand(condition: Condition) -> Any:
    # Anchored and without options, so that the store can use index ranges.
    beginnings = [Regex[str](f"^{re.escape(prefix)}") for prefix in condition.prefixes]
    wanted = [*beginnings, *condition.terms]
    return wanted[0] if len(wanted) == 1 else {"$in": wanted}
