"""What every use case gets first: the documents, the clock, the events, the server's keys."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict, TypeVar

from mediaserver.base.clock import Clock
from mediaserver.base.ids import new_id
from mediaserver.base.processes.disk import DiskReserve
from mediaserver.base.secrets import Secrets
from mediaserver.base.settings.tree import Settings
from mediaserver.base.signing import UrlSigner
from mediaserver.domain.accounts.users import Login, User
from mediaserver.domain.documents.document import Document
from mediaserver.domain.sessions.chat_messages import ChatMessage
from mediaserver.domain.sessions.participants import Participant
from mediaserver.domain.sessions.recordings import Recording
from mediaserver.domain.sessions.sessions import Session
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.store.counters import Counters
from mediaserver.store.mail import Mail
from mediaserver.store.objects import ObjectStore
from mediaserver.store.repositories import Repositories
from mediaserver.store.repository import Repository
from mediaserver.usecases.events import Events
from mediaserver.usecases.interfaces import AccessTokenService, PasswordHashing, Relationships

D = TypeVar("D", bound=Document)


class Stamp(TypedDict):
    id: str
    created_at: datetime
    updated_at: datetime


class _Reservation:
    """An id for one document, taken once: tasks that were begun meanwhile share it and do not take it again."""

    def __init__(self, id: str | None) -> None:
        self._id = id

    def take(self) -> str | None:
        taken, self._id = self._id, None
        return taken


_reservation: ContextVar[_Reservation | None] = ContextVar("reservation", default=None)


@contextlib.contextmanager
def reserving(id: str | None) -> Iterator[None]:
    """Within the block the first stamp has this id: what a request creates, however often it is tried."""
    reservation = _Reservation(id)
    token = _reservation.set(reservation)
    try:
        yield
    finally:
        _reservation.reset(token)
        reservation.take()


async def _nothing(ctx: "Context", document: Any) -> None:
    pass


async def _true(ctx: "Context", document: Any) -> bool:
    return True


async def _no_objection(ctx: "Context", document: Any, settled: bool) -> None:
    pass


Step = Callable[["Context", Any], Awaitable[None]]
"""Something that may be repeated: done twice it is done once."""


@dataclass(frozen=True, slots=True)
class Consequences:
    """What follows in other documents from the coming and going of one."""

    added: Step = _nothing
    removed: Step = _nothing
    tidy: Step = _nothing
    """After either is settled: nobody will repeat it."""
    edited: bool = False
    """`added` is also what follows from each edit: it does right at any later time."""
    stands: Callable[["Context", Any], Awaitable[bool]] = _true
    """Whether it may stay, asked once it is stored: what rules it out may have come at the same moment."""
    forbids: Callable[["Context", Any, bool], Awaitable[None]] = _no_objection
    """Conflict where it may not go now, beyond what references say: asked before it is marked as gone and after.
    With True, documents that are not settled forbid nothing."""


@dataclass(frozen=True, slots=True)
class Context:
    repositories: Repositories
    counters: Counters
    objects: ObjectStore
    events: Events
    clock: Clock
    settings: Settings
    secrets: Secrets
    signer: UrlSigner
    """Makes file URLs."""
    tokens: AccessTokenService
    passwords: PasswordHashing
    relationships: Relationships
    """Which users follow and block each other."""
    mail: Mail
    disk: DiskReserve
    consequences: Mapping[type[Document], Consequences] = field(default_factory=dict)
    """By the class of documents that have any."""
    node: str = ""
    """Names this data directory among those of several servers over the same documents."""

    @property
    def own(self) -> dict[str, Any]:
        """The filter for documents of what runs here; those from before nodes had names are everyone's."""
        return {"node": {"$in": [self.node, "", None]}}

    def of(self, document: type[D]) -> Repository[D]:
        """The repository of a class of documents."""
        return self.repositories.of(document)

    @property
    def users(self) -> Repository[User]:
        return self.of(User)

    @property
    def logins(self) -> Repository[Login]:
        return self.of(Login)

    @property
    def sessions(self) -> Repository[Session]:
        return self.of(Session)

    @property
    def participants(self) -> Repository[Participant]:
        return self.of(Participant)

    @property
    def messages(self) -> Repository[ChatMessage]:
        return self.of(ChatMessage)

    @property
    def recordings(self) -> Repository[Recording]:
        return self.of(Recording)

    @property
    def uploads(self) -> Repository[Upload]:
        return self.of(Upload)

    def stamp(self) -> Stamp:
        """Identity and times of a new document."""
        now, reservation = self.clock(), _reservation.get()
        reserved = reservation.take() if reservation else None
        return Stamp(id=reserved or new_id(), created_at=now, updated_at=now)


def stored_names(document: type[Document], fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` under the names by which repositories know them."""
    return {document.model_fields[name].alias or name: value for name, value in fields.items()}
