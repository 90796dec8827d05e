"""A running server with people and a little of everything: made from the description's own examples."""

import itertools
from typing import Any

import requests

from tests.api.ids import Ids, is_id, last_word, named_by, parameters
from tests.api.running import API, PASSWORD

_SESSIONS = ("live-sessions", "video-sessions", "audio-sessions")
_MORE: dict[str, Any] = {
    "courses": {"published": True},
    "tweets": {"content": {"text": "Two lines that never meet are #parallel."}},
    "comments": {"content": {"text": "Nor in curved space?"}},
}
"""What an example does not say."""
_DEPTH = 6


class Person:
    """Somebody who signs in again when their login was ended."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name, self._token, self.id = url, name, "", ""
        self._http = requests.Session()

    @classmethod
    def registered(cls, url: str, name: str) -> "Person":
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        answer = requests.post(f"{url}{API}/auth/register", json=body, timeout=10)
        assert answer.status_code == 201, answer.text
        person = cls(url, name)
        person.sign_in()
        return person

    def sign_in(self) -> None:
        if self._token and self.request("GET", "/auth/me").status_code == 200:
            return
        body = {"login": self._name, "password": PASSWORD}
        answer = self._http.post(f"{self._url}{API}/auth/login", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        self._token, self.id = answer.json()["accessToken"], answer.json()["user"]["id"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """`path` is under the prefix."""
        return self._http.request(method, self._url + API + path, headers=self.headers, timeout=20, **options)


class School:
    def __init__(self, url: str, description: dict[str, Any]) -> None:
        self.url, self.ids = url, Ids()
        self.people = {"admin": Person(url, "root"), "student": Person.registered(url, "ada")}
        self._numbers = itertools.count()
        for person in self.people.values():
            person.sign_in()
            self.ids.unused.add(person.id)
        self._special = {
            "/users": self._make_person,
            "/uploads": self._make_upload,
            "/notifications": self._make_notification,
            "/messages": self._make_message,
            "/conversations": self._make_message,
            "/progress": self._make_progress,
        }
        self._creators = {
            path.removeprefix(API): operations["post"]
            for path, operations in description["paths"].items()
            if "201" in operations.get("post", {}).get("responses", {}) and "/auth/" not in path
        }
        self._schemas = description["components"]["schemas"]

    def prepare(self, path: str, who: str) -> None:
        """Make anew what a call of `path` is about."""
        path = path.removeprefix(API)
        for collection, _ in parameters(path):
            self._make(collection, who)
            if last_word(collection) in _SESSIONS and not path.endswith("{id}"):
                self._post(f"{collection}/{self.ids.newest(collection)}/start", who)
        if path == "/progress":
            self._make_progress(who)

    def with_real_ids(self, value: Any, name: str = "") -> Any:
        """`value` with ids that exist in the place of those that could."""
        if isinstance(value, dict):
            return {key: self.with_real_ids(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self.with_real_ids(one, name) for one in value]
        if isinstance(value, str) and name != "id" and is_id(value):
            return self.ids.for_field(name) or value
        return value

    def _make(self, collection: str, who: str, depth: int = 0) -> None:
        """One of a collection, under what is newest above it."""
        if collection in self._special:
            self._special[collection](who)
        elif depth < _DEPTH and (path := self._creator(collection)):
            for above, _ in parameters(path):
                if self.ids.newest(above) is None:
                    self._make(above, who, depth + 1)
            body = self._body(path, who, depth)
            for name, id in self.ids.for_path(path).items():
                path = path.replace(f"{{{name}}}", id)
            self._post(path, who, json=body)

    def _creator(self, collection: str) -> str | None:
        """The path by which one of a collection is made: its own, or one that ends so."""
        if collection in self._creators:
            return collection
        return next((path for path in self._creators if last_word(path) == last_word(collection)), None)

    def _make_person(self, who: str) -> None:
        self.ids.learn("/users", {"id": self._another().id})

    def _another(self) -> Person:
        return Person.registered(self.url, f"other{next(self._numbers)}")

    def _make_upload(self, who: str) -> None:
        self._post("/uploads", who, files={"file": ("notes.txt", b"Two lines that never meet")})

    def _make_notification(self, who: str) -> None:
        """Somebody follows them."""
        person = self.people[who]
        self._another().request("POST", "/follows", json={"followingUserId": person.id})
        self.ids.learn("/notifications", person.request("GET", "/notifications").json())

    def _make_message(self, who: str) -> None:
        """They write to somebody, who answers."""
        person, other = self.people[who], self._another()
        for sender, receiver in ((person, other), (other, person)):
            body = {"receiverUserId": receiver.id, "content": "Good morning!"}
            self.ids.learn("/messages", sender.request("POST", "/messages", json=body).json())
        self.ids.learn("/conversations", {"id": other.id})

    def _make_progress(self, who: str) -> None:
        for collection in ("/courses", "/levels", "/lessons"):
            self._make(collection, who)
        self._post("/enrollments", who, json={"courseId": self.ids.newest("/courses")})
        body = {"lessonId": self.ids.newest("/lessons"), "completionStatus": "in-progress"}
        answer = self.people[who].request("PUT", "/progress", json=body)
        if answer.status_code < 300:
            self.ids.learn("/progress", answer.json())

    def _post(self, path: str, who: str, **options: Any) -> None:
        """As this person, or where only some may, as the admin."""
        for person in (self.people[who], self.people["admin"]):
            answer = person.request("POST", path, **options)
            if answer.status_code < 300:
                self.ids.learn(path, answer.json() if answer.content else None)
                return

    def _body(self, path: str, who: str, depth: int) -> Any:
        """The example of the call, with what is required only, real ids and a name of its own."""
        if "requestBody" not in self._creators[path]:
            return None
        content = self._creators[path]["requestBody"]["content"]["application/json"]
        required = self._schemas[last_word(content["schema"]["$ref"])].get("required", ())
        body = {name: content["example"][name] for name in required} | _MORE.get(last_word(path), {})
        for name in body:
            if name.endswith("Id") and self.ids.newest(named_by(name)) is None:
                self._make(f"/{named_by(name)}", who, depth + 1)
        for name in {"name", "title", "courseCode"} & set(body):
            body[name] = f"{body[name]}-{next(self._numbers)}"
        return self.with_real_ids(body)
