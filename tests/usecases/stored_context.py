"""A `Context` over real documents and a local object directory, with what files need; the rest is absent."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import numpy as np

from mediaserver.base.ids import new_id
from mediaserver.base.processes.disk import DiskReserve
from mediaserver.base.settings.tree import Data, Settings
from mediaserver.base.signing import UrlSigner
from mediaserver.domain.accounts.users import Login, User
from mediaserver.domain.documents.actor import Actor, Role
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.sessions.participants import Participant
from mediaserver.domain.sessions.sessions import Session
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.store.objects import open_objects
from mediaserver.store.repositories import Repositories
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import Events
from mediaserver.usecases.login.tokens import AccessTokens
from mediaserver.usecases.social.relationships import RelationshipCache
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.uploads.storage_quota import incoming
from tests.store.databases import empty_database
from tests.usecases.pictures import encoded, quarters

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PNG = encoded(quarters(640, 360).quantize(4), "PNG")


@dataclass(slots=True)
class HandClock:
    """Time that moves when told."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@asynccontextmanager
async def stored_context(
    uri: str, data_dir: Path, disk: DiskReserve | None = None, **settings: Any
) -> AsyncIterator[Context]:
    stack = AsyncExitStack()
    database = await stack.enter_async_context(empty_database(uri))
    chosen = Settings(data=Data(dir=data_dir), **settings)
    clock, events = HandClock(), Events()
    store = await open_objects(chosen.objects, data_dir)
    repositories = Repositories(database, DOCUMENTS, clock)
    given = {
        "settings": chosen,
        "clock": clock,
        "objects": store,
        "signer": UrlSigner(b"k" * 32),
        "tokens": AccessTokens(b"t" * 32, 900),
        "events": events,
        "relationships": RelationshipCache(repositories, events),
        "disk": disk or DiskReserve(data_dir, 0),
        "repositories": repositories,
    }
    try:
        yield Context(**{field.name: None for field in fields(Context)} | given)  # type: ignore[arg-type]
    finally:
        await store.close()
        await stack.aclose()


async def add_person(ctx: Context, name: str, role: Role = "student", active: bool = True) -> Actor:
    user = User(
        id=new_id(),
        created_at=NOW,
        updated_at=NOW,
        username=name,
        username_folded=name,
        email=f"{name}@example.org",
        email_folded=f"{name}@example.org",
        password_hash="-",
        role=role,
        active=active,
        join_date=NOW,
        settled=True,
    )
    await ctx.users.add(user)
    return await add_login(ctx, user)


async def add_login(ctx: Context, user: User) -> Actor:
    """The person on one more device."""
    now = ctx.clock()
    login = Login(
        id=new_id(),
        created_at=now,
        updated_at=now,
        user_id=user.id,
        token_hash="-",
        last_used_at=now,
        # Far ahead: the database sweeps by its own clock.
        expires_at=now + timedelta(days=36500),
        epoch=user.login_epoch,
    )
    await ctx.logins.add(login)
    return Actor(user.id, user.username, user.role, login.id, login_epoch=login.epoch)


async def add_session(ctx: Context, moderator: Actor) -> Session:
    session = Session(
        id=new_id(),
        created_at=NOW,
        updated_at=NOW,
        kind="video",
        title="Talk",
        moderator_user_id=moderator.user_id,
        settled=True,
    )
    return await ctx.sessions.add(session)


async def add_participant(ctx: Context, session: Session, who: Actor, removed: bool = False) -> None:
    await ctx.participants.add(
        Participant(
            id=new_id(),
            created_at=NOW,
            updated_at=NOW,
            session_kind=session.kind,
            session_id=session.id,
            user_id=who.user_id,
            joined_at=NOW,
            removed_at=NOW if removed else None,
        )
    )


async def pieces(content: bytes, size: int = 100) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


async def upload(ctx: Context, who: Actor, content: bytes = PNG, name: str = "a.png") -> Upload:
    return await uploads.create(ctx, who, name, pieces(content))


def waiting(ctx: Context) -> list[Path]:
    """What is on its way."""
    return list(incoming(ctx).iterdir())


def make_media(path: Path, container: str, video: str | None, audio: str | None) -> bytes:
    """Two seconds of grey and silence, as a browser's recorder or a phone would write them."""
    with av.open(str(path), "w", format=container) as out:
        # All streams come first: the header is written with the first packet.
        pictures = out.add_stream(video, rate=15) if video else None
        sound = out.add_stream(audio, rate=48000) if audio else None
        if pictures:
            pictures.width, pictures.height, pictures.pix_fmt = 160, 120, "yuv420p"
            for n in range(30):
                picture = av.VideoFrame.from_ndarray(np.full((120, 160, 3), n, np.uint8), format="rgb24")
                picture.pts = n
                out.mux(pictures.encode(picture))
            out.mux(pictures.encode())
        if sound:
            form = "fltp" if "flt" in sound.format.name else "s16"
            for n in range(100):
                silence = av.AudioFrame(format=form, layout="mono", samples=960)
                silence.planes[0].update(bytes(silence.planes[0].buffer_size))
                silence.rate, silence.pts = 48000, n * 960
                out.mux(sound.encode(silence))
            out.mux(sound.encode())
    return path.read_bytes()
