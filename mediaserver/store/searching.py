"""What people type into a search field, made a filter: documents in which every word occurs.

No character of theirs is an operator: words are cut out, everything else separates them.
"""

import re
from collections.abc import Mapping
from typing import Any

from bson import Regex

from mediaserver.base.errors import FieldError, Invalid
from mediaserver.domain.document import SEARCH_TERMS
from mediaserver.domain.search_terms import MOST_WORDS, Condition, TooManyWords, query

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
    if condition.prefix is None:
        return condition.terms[0] if len(condition.terms) == 1 else {"$in": list(condition.terms)}
    # Anchored and without options: engines read a range of the index.
    beginning = Regex[str](f"^{re.escape(condition.prefix)}")
    return {"$in": [beginning, *condition.terms]} if condition.terms else beginning
