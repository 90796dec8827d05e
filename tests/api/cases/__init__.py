"""How each resource is filled for the contract that holds for all: a module for each part of the domain."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mediaserver.api.declarations.resource import Resource
from mediaserver.domain.documents.actor import Actor, Role
from tests.usecases.world import World

Ids = list[str]
Fields = dict[str, Any]


@dataclass
class Case:
    """Everything belongs to ada, who has the role `role`; eve is a student and a stranger."""

    resource: Resource[Any]
    make: Callable[[World, int], Awaitable[Ids]]
    """Stores so many documents of ada's: the list then has these and nothing else."""
    change: Fields | None = None
    """A good patch; None: nothing is changed here."""
    body: Callable[[World], Awaitable[Fields]] | None = None
    """A good body to create with, another one each time; None: `change` is one."""
    place: Callable[[World], Awaitable[str]] | None = None
    """The path of the list, perhaps with a query, where it is not the resource's own."""
    origin: Callable[[World], Awaitable[str]] | None = None
    """Where another one is made, where that is not the path of the list."""
    role: Role = "student"
    private: bool = False
    """Strangers may not even read it."""
    changer: str = "ada"
    """Who changes it, where that is not for whoever made it."""
    refusal: str = "forbidden"
    """The code that strangers get."""

    async def fresh(self, world: World) -> Fields:
        return await self.body(world) if self.body else dict(self.change or {})

    async def list_path(self, world: World) -> str:
        return "/api/v1" + (await self.place(world) if self.place else self.resource.path)

    async def new_path(self, world: World) -> str:
        """The path under which another one is made."""
        if self.origin:
            return "/api/v1" + await self.origin(world)
        return (await self.list_path(world)).partition("?")[0]

    def path(self, id: str) -> str:
        return f"/api/v1{self.resource.path}/{id}"

    @property
    def creates(self) -> bool:
        return bool(self.resource.create)


def asked(path: str, query: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{query}"


async def ada(world: World) -> Actor:
    """As she signed in."""
    user = await world.ctx.users.find_one({"username": "ada"})
    assert user is not None
    return Actor(user.id, user.username, user.role, "login")
