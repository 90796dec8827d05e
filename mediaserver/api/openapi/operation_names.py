"""Derives the `operationId` of an operation, which names its method in generated clients: `listCourseLessons`."""

import re
from collections.abc import Sequence

from mediaserver.base.nouns import singular, words

_LEFT_OUT = {"auth"}
"""Path segments that only group operations."""


def operation_name(method: str, path: str, listed: bool, creates: bool) -> str:
    """Return verb and object, derived from method and path: `GET /users/{id}/tweets` is `listUserTweets`."""
    segments = [one for one in path.strip("/").split("/") if one not in _LEFT_OUT]
    nouns = [
        _noun(segment, one=_is_parameter(following))
        for segment, following in zip(segments, [*segments[1:], ""], strict=True)
        if not _is_parameter(segment)
    ]
    match method:
        case "GET":
            return _camel("list" if listed else "get", nouns)
        case "POST" if creates:
            return _camel("create", [*nouns[:-1], singular(nouns[-1])])
        case "PATCH":
            return _camel("update", nouns)
        case "DELETE":
            return _camel("delete", nouns)
        case "PUT" if _is_parameter(segments[-1]) or len(nouns) == 1:
            return _camel("put", nouns)
    return _camel(nouns[-1], nouns[:-1])  # the path ends with a verb


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")


def _noun(segment: str, one: bool) -> str:
    noun = re.sub(r"\W+", " ", words(segment)).strip()
    return singular(noun) if one else noun


def _camel(verb: str, nouns: Sequence[str]) -> str:
    first, *rest = " ".join((verb, *nouns)).split()
    return first + "".join(word.title() for word in rest)
