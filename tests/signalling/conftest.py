"""The real signalling and rooms over real documents, with a fake media worker and recorder, and real clients."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import socketio
from aiohttp import web

from mediaserver.base.clock import utc_now
from mediaserver.base.processes.disk import DiskReserve
from mediaserver.base.secrets import Secrets
from mediaserver.base.settings.tree import Settings, load_settings
from mediaserver.base.signing import UrlSigner
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.sessions.sessions import Session
from mediaserver.rooms.registry import Rooms
from mediaserver.rooms.room_task import RoomDependencies
from mediaserver.signalling.namespace import Signalling
from mediaserver.store.counters import MemoryCounters
from mediaserver.store.mail import open_mail
from mediaserver.store.objects import open_objects
from mediaserver.store.repositories import Repositories
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.consequences import CONSEQUENCES
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import Events
from mediaserver.usecases.login.passwords import Passwords
from mediaserver.usecases.login.tokens import AccessTokens
from mediaserver.usecases.sessions import sessions
from mediaserver.usecases.social.relationships import RelationshipCache
from tests.rooms.fakes import FakeRecorder, FakeWorkers, until
from tests.store.conftest import engine, shared_server, uri
from tests.store.databases import empty_database

__all__ = ["engine", "shared_server", "uri"]


@contextlib.asynccontextmanager
async def context(uri: str, data: Path, settings: Settings) -> AsyncIterator[Context]:
    """What use cases get, over a database of its own."""
    stack = contextlib.AsyncExitStack()
    database = await stack.enter_async_context(empty_database(uri))
    objects = await open_objects(settings.objects, data)
    secrets = Secrets.load(data)
    passwords, events, repositories = Passwords(settings.auth), Events(), Repositories(database, DOCUMENTS)
    try:
        yield Context(
            repositories=repositories,
            counters=MemoryCounters(), objects=objects, events=events, clock=utc_now, settings=settings,
            secrets=secrets, signer=UrlSigner(secrets.url_key),
            tokens=AccessTokens(secrets.jwt_key, settings.auth.access_ttl_s), passwords=passwords,
            relationships=RelationshipCache(repositories, events),
            consequences=CONSEQUENCES, mail=open_mail(settings.mail, data), disk=DiskReserve(data, 0),
        )  # fmt: skip
    finally:
        passwords.close()
        await objects.close()
        await stack.aclose()


class Someone:
    """A person with a connected Socket.IO client; `got` has the events that came, in order."""

    def __init__(self, name: str, actor: Actor, token: str, refresh_token: str, url: str) -> None:
        self.name, self.actor, self.token, self.refresh_token, self.url = name, actor, token, refresh_token, url
        self.got: list[tuple[str, Any]] = []
        self.holds_acknowledgements = False
        self.socket = socketio.AsyncClient(reconnection=False)
        self.socket.on("*", self._event)

    async def _event(self, event: str, data: Any = None) -> bool:
        self.got.append((event, data))
        while self.holds_acknowledgements:
            await asyncio.sleep(0.01)
        return True

    async def connect(self, **options: Any) -> "Someone":
        await self.socket.connect(
            self.url, auth={"token": self.token}, **{"transports": ["websocket"], **options}
        )
        return self

    async def ask(self, event: str, data: Any = None) -> Any:
        return await self.socket.call(event, {} if data is None else data, timeout=5)

    async def join(self, session: Session, **more: Any) -> Any:
        return await self.ask("session.join", {"kind": session.kind, "sessionId": session.id, **more})

    def events(self, name: str) -> list[Any]:
        return [data for event, data in self.got if event == name]

    async def hears(self, name: str, count: int = 1) -> Any:
        """The latest event of that name once there are `count`."""
        await until(lambda: len(self.events(name)) >= count)
        return self.events(name)[-1]

    async def drop(self) -> None:
        """The connection breaks without a word."""
        await self.socket.eio.disconnect(abort=True)

    async def close(self) -> None:
        self.holds_acknowledgements = False
        await self.socket.shutdown()


class Live:
    """A running server and whoever came to it."""

    def __init__(self, ctx: Context, rooms: Rooms, signalling: Signalling, url: str) -> None:
        self.ctx, self.rooms, self.signalling, self.url = ctx, rooms, signalling, url
        self.workers: Any
        self.recorder: FakeRecorder
        self.people: list[Someone] = []

    async def user(self, name: str) -> Someone:
        """A new person, not yet connected."""
        signed = await identity.register(self.ctx, name, f"{name}@example.org", "password-1", "::1")
        actor = await identity.authenticate(self.ctx, signed.access_token)
        someone = Someone(name, actor, signed.access_token, signed.refresh_token, self.url)
        self.people.append(someone)
        return someone

    async def connected(self, name: str) -> Someone:
        return await (await self.user(name)).connect()

    def again(self, someone: Someone) -> Someone:
        """Another client of the same person."""
        twin = Someone(someone.name, someone.actor, someone.token, someone.refresh_token, self.url)
        self.people.append(twin)
        return twin

    async def session(self, moderator: Someone, kind: Any = "video", **fields: Any) -> Session:
        return await sessions.create(self.ctx, moderator.actor, kind, {"title": "Algebra", **fields})


@pytest.fixture
def overrides() -> dict[str, str]:
    return {}


@pytest.fixture
def media() -> tuple[Any, tuple[str, ...]]:
    """The media workers and the addresses where they are."""
    return FakeWorkers(), ("203.0.113.7",)


@pytest.fixture
async def ctx(uri: str, tmp_path: Path, overrides: dict[str, str]) -> AsyncIterator[Context]:
    cheap = {"auth.argon2_time_cost": "1", "auth.argon2_memory_kib": "8", "rooms.grace_s": "0.4"}
    settings = load_settings(overrides={**cheap, **overrides}, environ={})
    async with context(uri, tmp_path, settings) as made:
        yield made


@pytest.fixture
async def live(ctx: Context, media: tuple[Any, tuple[str, ...]]) -> AsyncIterator[Live]:
    async with serving(ctx, *media) as live:
        yield live


@contextlib.asynccontextmanager
async def serving(ctx: Context, workers: Any, addresses: tuple[str, ...]) -> AsyncIterator[Live]:
    """A server over `ctx`; with Redis it exchanges pushes with others."""
    signalling, recorder = Signalling(ctx), FakeRecorder()
    rooms = Rooms(RoomDependencies(ctx, signalling.audience, workers, recorder, addresses))
    signalling.serve(rooms)
    pushing = asyncio.create_task(signalling.run())
    app = web.Application()
    signalling.attach(app)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    live = Live(ctx, rooms, signalling, f"http://127.0.0.1:{port}")
    live.workers, live.recorder = workers, recorder
    yield live
    await signalling.shutdown()
    await rooms.shutdown()
    for someone in live.people:
        await someone.close()
    await runner.cleanup()
    pushing.cancel()
    await asyncio.wait([pushing])
