"""What people type into a search field, made a filter: documents in which every word occurs.

No character of theirs is an operator: words are cut out, everything else separates them.
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
    """The documents that have a stored term for every word. Without a word nothing matches.

    Raises `Invalid` when there are more than `MOST_WORDS` words.
    """
    try:
        conditions = query(words)
    except TooManyWords:
        fault = FieldError("q", f"may have at most {MOST_WORDS} words")
        raise Invalid("invalid", f"A search may have at most {MOST_WORDS} words.", [fault]) from None
    return {"$and": [{SEARCH_TERMS: _operand(one)} for one in conditions]} if conditions else NOTHING


def _operand(condition: Condition) -> Any:
    # Anchored and without options: engines read ranges of the index.
    beginnings = [Regex[str](f"^{re.escape(prefix)}") for prefix in condition.prefixes]
    wanted = [*beginnings, *condition.terms]
    return wanted[0] if len(wanted) == 1 else {"$in": wanted}
