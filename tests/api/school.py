"""A running server with people and a little of everything: made from the description's own examples."""

import itertools
import re
from collections import defaultdict, deque
from typing import Any

import requests

from mediaserver.base.ids import ID_PATTERN
from tests.api.running import API, PASSWORD

_BEGUN_BY = {"live-sessions": "start", "video-sessions": "start", "audio-sessions": "start"}
"""Of these, there is little inside before that call."""
_MORE = {"courses": {"published": True}}
_DEPTH = 6


class Person:
    """Somebody who signs in again when their login was ended."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name, self._token, self.id = url + API, name, "", ""
        self.http = requests.Session()

    @classmethod
    def registered(cls, url: str, name: str) -> "Person":
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        answer = requests.post(f"{url}{API}/auth/register", json=body, timeout=10)
        assert answer.status_code == 201, answer.text
        person = cls(url, name)
        person.sign_in()
        return person

    def sign_in(self) -> None:
        if self._token and self.request("GET", f"{API}/auth/me").status_code == 200:
            return
        body = {"login": self._name, "password": PASSWORD}
        answer = self.http.post(f"{self._url}/auth/login", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        self._token, self.id = answer.json()["accessToken"], answer.json()["user"]["id"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        url = self._url.removesuffix(API) + path
        return self.http.request(method, url, headers=self.headers, timeout=20, **options)


class Ids:
    """Ids that answers showed, by the collection under whose path they stood: `/tweets` gives ids of tweets."""

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
                known = self._known[collection_of(path)]
                if found not in known:
                    known.append(found)

    def forget(self, id: str) -> None:
        for known in self._known.values():
            if id in known:
                known.remove(id)

    def one_of(self, collection: str) -> str | None:
        known = self._known.get(collection)
        return known[next(self._turns) % len(known)] if known else None

    def newest(self, collection: str) -> str | None:
        known = self._known.get(collection)
        return known[-1] if known else None

    def for_field(self, name: str) -> str | None:
        """For a body's field such as `courseId` or `receiverUserId`."""
        stem = name.removesuffix("Id")
        collection = "users" if stem.lower().endswith("user") else stem + "s"
        return self.newest(collection) if next(self._turns) % 4 else self.one_of(collection)


class School:
    def __init__(self, url: str, description: dict[str, Any]) -> None:
        self.url, self.ids = url, Ids()
        self.people = {"admin": Person(url, "root"), "student": Person.registered(url, "ada")}
        self._numbers = itertools.count()
        for person in self.people.values():
            person.sign_in()
            self.ids.unused.add(person.id)
        self._special = {
            "users": self._make_person,
            "uploads": self._make_upload,
            "notifications": self._make_notification,
            "progress": self._make_progress,
        }
        self._creators = {
            collection_of(path): (path, operations["post"])
            for path, operations in description["paths"].items()
            if "201" in operations.get("post", {}).get("responses", {}) and "/auth/" not in path
        }
        self._components = description["components"]["schemas"]

    def prepare(self, path: str, who: str) -> None:
        """Make anew what a call of `path` is about."""
        for word in (*words_before_parameters(path), *({collection_of(path)} & {"progress"})):
            self._make(word, who)
            if word in _BEGUN_BY and not path.endswith("{id}") and (id := self.ids.newest(word)):
                self._post(f"{API}/{word}/{id}/{_BEGUN_BY[word]}", who)

    def real_path(self, path: str) -> dict[str, str]:
        """Values for a path's parameters, as far as there are any."""
        found = {}
        for before, name in itertools.pairwise(path.split("/")):
            if name.startswith("{") and (id := self.ids.newest(before)):
                found[name.strip("{}")] = id
        return found

    def with_real_ids(self, value: Any, name: str = "") -> Any:
        """`value` with ids that exist in the place of those that could."""
        if isinstance(value, dict):
            return {key: self.with_real_ids(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self.with_real_ids(one, name) for one in value]
        if isinstance(value, str) and name != "id" and re.fullmatch(ID_PATTERN, value):
            return self.ids.for_field(name) or value
        return value

    def _make(self, word: str, who: str, depth: int = 0) -> None:
        if word in self._special:
            self._special[word](who)
        elif word in self._creators and depth < _DEPTH:
            path, operation = self._creators[word]
            for before in words_before_parameters(path):
                if self.ids.newest(before) is None:
                    self._make(before, who, depth + 1)
            for name, id in self.real_path(path).items():
                path = path.replace(f"{{{name}}}", id)
            self._post(path, who, json=self._body(word, operation, who, depth))

    def _make_person(self, who: str) -> None:
        self.ids.learn("/users", {"id": self._another().id})

    def _another(self) -> Person:
        return Person.registered(self.url, f"other{next(self._numbers)}")

    def _make_upload(self, who: str) -> None:
        self._post(f"{API}/uploads", who, files={"file": ("notes.txt", b"Two lines that never meet")})

    def _make_notification(self, who: str) -> None:
        """Somebody follows them."""
        person = self.people[who]
        self._another().request("POST", f"{API}/follows", json={"followingUserId": person.id})
        self.ids.learn("/notifications", person.request("GET", f"{API}/notifications").json())

    def _make_progress(self, who: str) -> None:
        for word in ("courses", "levels", "lessons"):
            self._make(word, who)
        self._post(f"{API}/enrollments", who, json={"courseId": self.ids.newest("courses")})
        body = {"lessonId": self.ids.newest("lessons"), "completionStatus": "in-progress"}
        answer = self.people[who].request("PUT", f"{API}/progress", json=body)
        if answer.status_code < 300:
            self.ids.learn("/progress", answer.json())

    def _post(self, path: str, who: str, **options: Any) -> None:
        """As this person, or where only some may, as the admin."""
        for person in (self.people[who], self.people["admin"]):
            answer = person.request("POST", path, **options)
            if answer.status_code < 300:
                self.ids.learn(path, answer.json() if answer.content else None)
                return

    def _body(self, made: str, operation: dict[str, Any], who: str, depth: int) -> Any:
        """The operation's example, with what is required only, real ids and a name of its own."""
        if "requestBody" not in operation:
            return None
        content = operation["requestBody"]["content"]["application/json"]
        schema = self._components[content["schema"]["$ref"].rpartition("/")[2]]
        body = {name: content["example"][name] for name in schema.get("required", ())} | _MORE.get(made, {})
        for name in body:
            stem = name.removesuffix("Id")
            word = "users" if stem.lower().endswith("user") else stem + "s"
            if name.endswith("Id") and self.ids.newest(word) is None:
                self._make(word, who, depth + 1)
        for name in {"name", "title", "courseCode"} & set(body):
            body[name] = f"{body[name]}-{next(self._numbers)}"
        return self.with_real_ids(body)


def collection_of(path: str) -> str:
    """The last word of a path that is no parameter and no id."""
    return [word for word in path.split("/") if not word.startswith("{") and not re.fullmatch(ID_PATTERN, word)][
        -1
    ]


def words_before_parameters(path: str) -> list[str]:
    return [before for before, after in itertools.pairwise(path.split("/")) if after.startswith("{")]
