"""A context over the real document server, with a clock that tests set."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mediaserver.base.processes.disk import DiskReserve
from mediaserver.base.secrets import Secrets
from mediaserver.base.settings.tree import Auth, Data, Http, Limits, Settings
from mediaserver.base.signing import UrlSigner
from mediaserver.domain.documents.actor import Actor, Role
from mediaserver.domain.documents.document import Document
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.sessions.sessions import Session, SessionKind
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.store.counters import MemoryCounters
from mediaserver.store.mail import Mail, MailMessage
from mediaserver.store.objects import open_objects
from mediaserver.store.repositories import Repositories
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.consequences import CONSEQUENCES
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.events import Event, Events
from mediaserver.usecases.login.passwords import Passwords
from mediaserver.usecases.login.tokens import AccessTokens
from mediaserver.usecases.sessions import sessions
from mediaserver.usecases.social.relationships import RelationshipCache
from tests.store.databases import empty_database

PASSWORD = "correct horse"
AUTH = Auth(argon2_time_cost=1, argon2_memory_kib=8, attempts_per_minute=5, registrations_per_hour=20)
MANY = Limits(reads_per_minute=1_000_000, writes_per_minute=1_000_000, anonymous_per_minute=1_000_000)


class TestClock:
    __test__ = False

    def __init__(self) -> None:
        # Ahead of any real clock: by that the databases sweep what has expired.
        self.now = datetime(2099, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class RecordingTransport:
    """A mail transport that records messages."""

    def __init__(self) -> None:
        self.sent: list[MailMessage] = []

    async def deliver(self, mail: MailMessage) -> None:
        self.sent.append(mail)


class World:
    """What a test has at hand beside the context."""

    def __init__(self, ctx: Context, clock: TestClock, transport: "RecordingTransport") -> None:
        self.ctx, self.clock, self._transport = ctx, clock, transport
        self.events: list[Event] = []
        for kind in Event.__subclasses__():
            ctx.events.subscribe(kind, self.events.append)

    def happened(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def mails(self) -> list[MailMessage]:
        """All that were sent."""
        assert await self.ctx.mail.drain(5)
        return self._transport.sent

    async def person(self, name: str, role: Role = "student") -> Actor:
        """A signed-in user."""
        return (await self._signed_in(name, role)).actor

    async def token(self, name: str, role: Role = "student") -> str:
        return (await self._signed_in(name, role)).access_token

    async def _signed_in(self, name: str, role: Role) -> identity.SignedIn:
        await identity.create_user(self.ctx, name, f"{name}@example.org", PASSWORD, role)
        return await identity.login(self.ctx, name, PASSWORD, "192.0.2.1")

    async def live_session(self, moderator: Actor, kind: SessionKind = "video", **fields: object) -> Session:
        made = await sessions.create(self.ctx, moderator, kind, {"title": "A session", **fields})
        return await sessions.start(self.ctx, moderator, kind, made.id)

    async def upload(self, owner: Actor, content_type: str = "image/png") -> Upload:
        stamp = self.ctx.stamp()
        return await self.ctx.uploads.add(
            Upload(
                **stamp,
                owner_user_id=owner.user_id,
                content_type=content_type,
                size=3,
                name="three bytes",
                object_key=f"uploads/{stamp['id']}/three-bytes",
            )
        )


@contextlib.asynccontextmanager
async def open_world(
    uri: str,
    directory: Path,
    http: Http | None = None,
    documents: Sequence[type[Document]] = DOCUMENTS,
    limits: Limits = MANY,
    consequences: Mapping[type[Document], Consequences] = CONSEQUENCES,
    auth: Auth = AUTH,
) -> AsyncIterator[World]:
    settings = Settings(
        http=http or Http(),
        data=Data(dir=directory),
        limits=limits,
        auth=auth,
    )
    stack = contextlib.AsyncExitStack()
    database = await stack.enter_async_context(empty_database(uri, documents))
    secrets, clock = Secrets(b"j" * 32, b"u" * 32), TestClock()
    objects = await open_objects(settings.objects, directory)
    passwords, transport = Passwords(settings.auth), RecordingTransport()
    mail = Mail(transport)
    carrying = asyncio.create_task(mail.run())
    events, repositories = Events(), Repositories(database, documents, clock)
    ctx = Context(
        repositories=repositories,
        counters=MemoryCounters(clock=lambda: clock.now.timestamp()),
        objects=objects,
        events=events,
        clock=clock,
        settings=settings,
        secrets=secrets,
        signer=UrlSigner(secrets.url_key),
        tokens=AccessTokens(secrets.jwt_key, settings.auth.access_ttl_s),
        passwords=passwords,
        relationships=RelationshipCache(repositories, events),
        consequences=consequences,
        mail=mail,
        disk=DiskReserve(directory, 0),
    )
    try:
        yield World(ctx, clock, transport)
    finally:
        carrying.cancel()
        passwords.close()
        await objects.close()
        await stack.aclose()
