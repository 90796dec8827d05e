"""Ids that answers showed, so that later requests are about something that exists."""

import itertools
import re
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any

from mediaserver.base.ids import ID_PATTERN
from tests.api.running import API

_UPLOADS = ("media", "profileImage", "uploadId")


class Ids:
    """By the collection in which they were, known by its path, and by its last word: `/levels/{id}` has ids of
    `/courses/{id}/levels`.
    """

    def __init__(self) -> None:
        self.unused: set[str] = set()
        """Of people on whom nothing is to be tried."""
        self._known: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=6))
        self._turns = itertools.count()

    def learn(self, path: str, body: Any) -> None:
        """From the answer to a call of `path`, such as `/api/v1/tweets/{id}/comments`."""
        items = body.get("items", [body]) if isinstance(body, dict) else []
        for item in items:
            if isinstance(item, dict) and isinstance(found := item.get("id"), str) and found not in self.unused:
                for name in (without_ids(path), last_word(path)):
                    if found not in self._known[name]:
                        self._known[name].append(found)

    def forget(self, id: str) -> None:
        for known in self._known.values():
            if id in known:
                known.remove(id)

    def newest(self, collection: str) -> str | None:
        """Of a path, or of a last word."""
        known = self._known.get(without_ids(collection)) or self._known.get(last_word(collection))
        return known[-1] if known else None

    def for_field(self, name: str) -> str | None:
        """For a body's field such as `courseId` or `receiverUserId`: mostly the newest."""
        known = self._known.get(named_by(name))
        if not known:
            return None
        turn = next(self._turns)
        return known[-1] if turn % 4 else known[turn // 4 % len(known)]

    def for_path(self, path: str) -> dict[str, str]:
        """Values for a path's parameters, as far as there are any: what belongs together, or any of one kind."""
        wanted = list(parameters(path))
        if len(wanted) == 1 and next(self._turns) % 4 == 0:
            collection, name = wanted[0]
            known = self._known.get(without_ids(collection))
            return {name: known[next(self._turns) % len(known)]} if known else {}
        found = {name: self.newest(collection) for collection, name in wanted}
        return {name: id for name, id in found.items() if id}


def parameters(path: str) -> Iterator[tuple[str, str]]:
    """`(collection, name)` of each parameter: `/tweets/{id}/likes/{likeId}` has two."""
    words = path.split("/")
    for at, word in enumerate(words):
        if word.startswith("{"):
            yield "/".join(words[:at]), word.strip("{}")


def named_by(field: str) -> str:
    """The last word of the collection whose ids a body's field holds."""
    stem = field.removesuffix("Id")
    return "uploads" if field in _UPLOADS else "users" if stem.lower().endswith("user") else stem + "s"


def last_word(path: str) -> str:
    return [word for word in path.split("/") if not _stands_for_one(word)][-1]


def without_ids(path: str) -> str:
    """The path of a collection, whatever the ids in it: `/api/v1/tweets/{}/comments`."""
    words = path.removeprefix(API).split("/")
    words = words[:-1] if _stands_for_one(words[-1]) else words
    return "/".join("{}" if _stands_for_one(word) else word for word in words)


def is_id(text: str) -> bool:
    return re.fullmatch(ID_PATTERN, text) is not None


def _stands_for_one(word: str) -> bool:
    return word.startswith("{") or is_id(word)
