"""Many clients of one server at once: each does one thing after the other, and every answer is looked at.

Whatever comes back must be in the server's own description. In a storm (`patient`) clients do what the protocol
asks of them: they wait and ask again, a POST under its Idempotency-Key, until they know what came of it.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

METHODS: Final = ("get", "post", "put", "patch", "delete")
_ASK_AGAIN_S: Final = 0.3
_GIVE_UP_S: Final = 60.0
_ATTEMPT_S: Final = 20.0


class Described:
    """What statuses the description of a server allows for a method and path."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        paths = sorted(description["paths"].items(), key=lambda item: item[0].count("{"))
        self._routes = [
            (method, re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path, set(operation["responses"]))
            for path, operations in paths
            for method, operation in operations.items()
            if method in METHODS
        ]

    def judge(self, method: str, path: str, status: int) -> str:
        """The described route; AssertionError when the status is none of its own."""
        for verb, pattern, route, statuses in self._routes:
            if verb == method.lower() and pattern.fullmatch(path.partition("?")[0]):
                assert str(status) in statuses, f"{method} {route} answered {status}, which is not described"
                return f"{method} {route.removeprefix('/api/v1')}"
        raise AssertionError(f"{method} {path} is not described")


@dataclass
class Answered:
    status: int
    body: Any
    headers: Mapping[str, str]
    asked: int
    """How often, until this came."""

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def code(self) -> str | None:
        return self.body.get("code") if isinstance(self.body, dict) else None


@dataclass
class Crowd:
    """What its clients share."""

    http: aiohttp.ClientSession
    url: str
    described: Described
    patient: bool = False
    told: Counter[str] = field(default_factory=Counter)
    """How often which route answered what: `POST /tweets 201`."""
    waits: Counter[str] = field(default_factory=Counter)
    """Why clients had to ask again."""

    @classmethod
    async def at(cls, http: aiohttp.ClientSession, url: str) -> "Crowd":
        async with http.get(f"{url}/api/v1/openapi.json") as answer:
            return cls(http, url, Described(await answer.json()))

    def shown(self, *routes: str) -> None:
        """Each of these, such as `POST /tweets 201`, has happened; of `404|409` one."""

        def happened(route: str) -> bool:
            stem, _, statuses = route.rpartition(" ")
            return any(self.told[f"{stem} {status}"] for status in statuses.split("|"))

        missing = [route for route in routes if not happened(route)]
        assert not missing, f"nothing was shown of {missing}: {sorted(self.told.items())}"


class Client:
    """One person's program."""

    def __init__(self, crowd: Crowd, name: str, seed: int) -> None:
        self.crowd, self.name = crowd, name
        self.random = random.Random(f"{seed} {name}")
        self.user: dict[str, Any] = {}
        self.token = ""
        self._serial = 0

    async def register(self) -> None:
        body = {"username": self.name, "email": f"{self.name}@example.org", "password": f"{self.name}-password"}
        signed_in = (await self.ask("POST", "/auth/register", body, expect=(201,))).body
        self.user, self.token = signed_in["user"], signed_in["accessToken"]

    @property
    def id(self) -> str:
        return str(self.user["id"])

    def key(self) -> str:
        """For an Idempotency-Key, or a text that nobody else says."""
        self._serial += 1
        return f"{self.name}-{self._serial}"

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        expect: Sequence[int] = (),
        again: bool = False,
    ) -> Answered:
        """The answer to a request; AssertionError when it is none that is described, or that is expected.

        `again` sends it twice, as clients do that lost an answer: the second is the first one.
        """
        answered = await self._until_told(method, path, body, key)
        route = self.crowd.described.judge(method, f"/api/v1{path}", answered.status)
        what = f"{self.name}: {method} {path} {body} answered {answered.status} {answered.body}"
        assert answered.status < 500, what
        assert not expect or answered.status in expect, what
        self.crowd.told[f"{route} {answered.status}"] += 1
        if again and key is not None:
            second = await self._until_told(method, path, body, key)
            assert second.status == answered.status, f"{what}, then {second.status} {second.body}"
            if answered.status == 201:
                assert second.id == answered.id, f"{what}, then {second.body}"
                assert second.headers["Location"] == answered.headers["Location"]
        return answered

    async def all_of(self, path: str) -> list[Any]:
        """The items of a list, page by page."""
        items, cursor = list[Any](), ""
        while True:
            joint = "&" if "?" in path else "?"
            page = (await self.ask("GET", f"{path}{joint}limit=100{cursor}", expect=(200,))).body
            items += page["items"]
            if page["nextCursor"] is None:
                return items
            cursor = f"&cursor={page['nextCursor']}"

    async def _until_told(self, method: str, path: str, body: Any, key: str | None) -> Answered:
        loop, asked = asyncio.get_running_loop(), 0
        deadline = loop.time() + _GIVE_UP_S
        while True:
            asked += 1
            why = "no answer"
            try:
                answered = await self._once(method, path, body, key, asked)
            except (aiohttp.ClientError, TimeoutError) as error:
                if not self.crowd.patient:
                    raise
                why = type(error).__name__
            else:
                why = self._wait_for(answered)
                if not why:
                    return answered
            self.crowd.waits[why] += 1
            assert loop.time() < deadline, f"{method} {path}: {why}, {asked} times in {_GIVE_UP_S} s"
            await asyncio.sleep(_ASK_AGAIN_S)

    def _wait_for(self, answered: Answered) -> str:
        """Why to ask again; nothing when this is the answer."""
        if not (self.crowd.patient and (answered.status == 503 or answered.code == "in_progress")):
            return ""
        assert answered.headers["Content-Type"].startswith("application/problem+json"), answered
        assert int(answered.headers["Retry-After"]) >= 1, answered
        return f"{answered.status} {answered.code}"

    async def _once(self, method: str, path: str, body: Any, key: str | None, asked: int) -> Answered:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        async with self.crowd.http.request(
            method,
            f"{self.crowd.url}/api/v1{path}",
            json=body,
            headers=headers,
            timeout=aiohttp.ClientTimeout(_ATTEMPT_S),
        ) as answer:
            told = await answer.json() if "json" in answer.content_type else await answer.read()
            return Answered(answer.status, told, answer.headers, asked)


Act = Callable[[Client], Awaitable[None]]


async def gather(crowd: Crowd, count: int, seed: int, prefix: str = "bot") -> list[Client]:
    """So many people, registered a few at a time."""
    clients = [Client(crowd, f"{prefix}{n}", seed) for n in range(count)]
    for at in range(0, count, 10):
        async with asyncio.TaskGroup() as group:
            for client in clients[at : at + 10]:
                group.create_task(client.register())
    return clients


async def all_act(
    everyone: Sequence[tuple[Client, Sequence[tuple[int, Act]]]],
    times: int,
    enough: Callable[[], bool] = lambda: True,
) -> None:
    """All at once do so many acts, one after the other, each as likely as its weight says, and more until it is
    `enough`.

    The first thing that is wrong ends it.
    """

    async def go(client: Client, acts: Sequence[tuple[int, Act]]) -> None:
        weights, done = [weight for weight, _ in acts], 0
        while done < times or not enough():
            (one,) = client.random.choices([act for _, act in acts], weights)
            await one(client)
            done += 1

    try:
        async with asyncio.TaskGroup() as group:
            for client, acts in everyone:
                group.create_task(go(client, acts), name=client.name)
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
