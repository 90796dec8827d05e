"""All calls that write, as they would be good, and what is to be said of those that are not."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from mediaserver.api import RESOURCES, declared, description
from mediaserver.api.declarations.endpoint import PREFIX
from mediaserver.api.declarations.resource_handlers import endpoints
from mediaserver.domain.accounts.users import Login
from mediaserver.domain.documents.document import Document
from mediaserver.domain.writes.idempotency import IdempotentRequest
from tests.api.cases import Fields
from tests.api.cases.acts import ACTS
from tests.api.cases.catalogue import CASES
from tests.api.cases.everything import Everything
from tests.api.conftest import Client
from tests.api.places import Loc, Place, Places, filled, held, places
from tests.api.test_hostile import path_of
from tests.usecases.world import World

WRITING: Final = {
    f"{one.method} {one.path}": one
    for one in declared()
    if one.prefix == PREFIX and one.method in ("POST", "PUT", "PATCH")
}
BODIES: Final[dict[str, type[BaseModel]]] = {
    name: body for name, one in WRITING.items() if (body := one.accepts.body or one.accepts.patch)
}
OF_RESOURCE: Final = {
    f"{one.method} {one.path}": resource for resource in RESOURCES for one in endpoints(resource)
}


def _document_of(name: str) -> type[Document] | None:
    return OF_RESOURCE[name].document if name in OF_RESOURCE else None


NAMING: Final[dict[str, list[Places]]] = {
    name: found for name, body in BODIES.items() if (found := places(body, _document_of(name)))
}
"""The calls whose bodies name documents, and where."""


@dataclass(frozen=True, slots=True)
class Good:
    """A call that is good until something in it is replaced."""

    name: str
    path: str
    plain: Fields
    """The body without what it names."""
    names: Mapping[Place, Any]
    headers: dict[str, str]

    @property
    def body(self) -> Fields:
        return self.body_with({})

    def body_with(self, values: Mapping[Place, Any]) -> Fields:
        return filled(self.plain, {**self.names, **values})


class Calls:
    """Prepares calls. `headers` are those of each who makes some."""

    def __init__(self, world: World, there: Everything, headers: Mapping[str, dict[str, str]]) -> None:
        self._world, self.there, self._headers = world, there, headers
        paths: Any = description()["paths"]
        self._described = paths

    async def naming(self) -> list[Good]:
        """Those that name something, in each of the ways in which they can."""
        return [await self.good(name, way) for name, ways in NAMING.items() for way in ways]

    async def good(self, name: str, way: Places | None = None) -> Good:
        """`way` is one of `NAMING`; the first when not given."""
        path, plain, who = await self._plain(name)
        names = NAMING.get(name, [[]])[0] if way is None else way
        good = {place: held(plain, place) or self.there.good(place) for place in names}
        return Good(name, path, plain, good, self._headers[who])

    async def _plain(self, name: str) -> tuple[str, Fields, str]:
        if name in ACTS:
            path, body = await ACTS[name](self._world)
            return PREFIX + path, body, "ada"
        if name not in OF_RESOURCE:  # well-formed, about nothing
            return path_of(WRITING[name]), self._example(name), "ada"
        case = CASES[OF_RESOURCE[name].path]
        if name.startswith("POST"):
            return await case.new_path(self._world), await case.fresh(self._world), "ada"
        *_, newest = await case.make(self._world, 1)
        return case.path(newest), dict(case.change or {}), case.changer

    def _example(self, name: str) -> Fields:
        method, path = name.split()
        described = self._described[PREFIX + path][method.lower()].get("requestBody", {"content": {}})
        example: Fields = described["content"].get("application/json", {}).get("example", {})
        return example


class Trial:
    """Sends what is to be refused, and notes what is wrong with the answers and what they changed."""

    def __init__(self, client: Client, world: World) -> None:
        self._client, self._world = client, world
        self._faults: list[str] = []
        self._sent = 0

    async def refused(self, good: Good, values: Mapping[Place, Any]) -> None:
        """With these values, for each of them and for nothing else."""
        if values:
            await self.refused_body(good, good.body_with(values), {place.name for place in values})

    async def refused_body(self, good: Good, body: Fields, names: Set[str]) -> None:
        """422 for exactly these fields."""
        status, said = await self._send(good, good.path, body)
        found = [error["loc"] for error in said.get("errors", ())]
        if status != 422 or sorted(found) != sorted(names):
            wrong = f"missing {sorted(names - set(found))}, too many {sorted(set(found) - names)}"
            self._note(good, body, f"{status} {said.get('detail')}; {wrong}")

    async def lost(self, good: Good, path: str) -> None:
        """404 for what the path names."""
        status, said = await self._send(good, path, good.body)
        if status != 404:
            self._note(good, path, f"{status}, not 404: {said}")

    async def _send(self, good: Good, path: str, body: Fields) -> tuple[int, Fields]:
        self._sent += 1
        method, has_body = good.name.split()[0], good.name in BODIES
        answer = await self._client.request(method, path, json=body if has_body else None, headers=good.headers)
        said: Fields = await answer.json() if answer.content_type.endswith("json") else {}
        return answer.status, said

    def _note(self, good: Good, sent: Any, fault: str) -> None:
        self._faults.append(f"{good.name}: {fault[:300]} for {json.dumps(sent)[:200]}")

    @asynccontextmanager
    async def unchanged(self, good: Good) -> AsyncIterator[None]:
        """Around what must change nothing that is stored."""
        before = await stored(self._world)
        yield
        after = await stored(self._world)
        for of in sorted(before.keys() | after.keys()):
            if before.get(of) != after.get(of):
                self._note(good, of, f"changed {before.get(of)} to {after.get(of)}")

    def end(self, least: int) -> None:
        """So many were refused at least, and all of them rightly."""
        assert self._sent >= least
        assert not self._faults, f"{len(self._faults)} faults:\n" + "\n".join(self._faults[:40])


async def stored(world: World) -> dict[tuple[str, str], Any]:
    """All that the database has, but logins and what is kept of requests."""
    raw = world.ctx.repositories.database.raw
    names = set(await raw.list_collection_names()) - {Login.collection, IdempotentRequest.collection}
    return {(name, str(one["_id"])): one for name in names for one in await raw[name].find({}).to_list()}


def objects(body: Any, at: Loc = ()) -> Iterator[Loc]:
    """Where objects stand within a body."""
    if isinstance(body, (dict, list)):
        for step, value in body.items() if isinstance(body, dict) else enumerate(body):
            if isinstance(value, dict):
                yield (*at, step)
            yield from objects(value, (*at, step))
