"""What happened, told to whoever must act on it: handlers are synchronous and only enqueue.

One failing handler is logged and does not keep the event from the others or from the use case that published it.
Events that are `shared` are also told to the other nodes, where a bus joins them (`relay.py`).
"""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, TypeVar

from mediaserver.domain.documents.actor import Actor, Role
from mediaserver.domain.sessions.chat_messages import ChatMessage
from mediaserver.domain.sessions.recordings import Recording
from mediaserver.domain.sessions.sessions import Session
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.store.transactions import when_committed

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events: plain facts, past tense."""

    shared: ClassVar[bool] = False
    """Whether other nodes must hear of it. Their handlers may hear it late; after a gap they hear
    `BusInterrupted` in the place of what they missed."""


@dataclass(frozen=True, slots=True)
class SessionStarted(Event):
    shared: ClassVar[bool] = True
    session: Session


@dataclass(frozen=True, slots=True)
class SessionUpdated(Event):
    shared: ClassVar[bool] = True
    session: Session


@dataclass(frozen=True, slots=True)
class SessionEnded(Event):
    shared: ClassVar[bool] = True
    session: Session


@dataclass(frozen=True, slots=True)
class SessionDeleted(Event):
    shared: ClassVar[bool] = True
    session: Session


@dataclass(frozen=True, slots=True)
class UserDeactivated(Event):
    shared: ClassVar[bool] = True
    user_id: str


@dataclass(frozen=True, slots=True)
class UserUpdated(Event):
    """Their name, picture or profile changed."""

    shared: ClassVar[bool] = True
    user_id: str


@dataclass(frozen=True, slots=True)
class Unenrolled(Event):
    """Somebody does not take a course any more."""

    shared: ClassVar[bool] = True
    user_id: str
    course_id: str


@dataclass(frozen=True, slots=True)
class CircleChanged(Event):
    """Whom these people follow, or do not see, is not what it was."""

    shared: ClassVar[bool] = True
    user_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewsCame(Event):
    """There is something that those who take a course are to be told (`announcements.py`)."""


@dataclass(frozen=True, slots=True)
class LoginRevoked(Event):
    shared: ClassVar[bool] = True
    user_id: str
    login_id: str


@dataclass(frozen=True, slots=True)
class RoleChanged(Event):
    shared: ClassVar[bool] = True
    user_id: str
    role: Role
    login_epoch: int = 0
    """Logins of earlier epochs have ended."""

    def applied_to(self, actor: Actor) -> Actor:
        """The same person's actor with the new role, and with the epoch that its login is in if it goes on."""
        return replace(actor, role=self.role, login_epoch=max(actor.login_epoch, self.login_epoch))


@dataclass(frozen=True, slots=True)
class MessageStored(Event):
    """A new chat message; `chat.to_wire(ctx, reader, event)` makes what one reader may see of it."""

    shared: ClassVar[bool] = True
    message: ChatMessage
    sender_name: str
    upload: Upload | None


@dataclass(frozen=True, slots=True)
class RecordingReady(Event):
    shared: ClassVar[bool] = True
    recording: Recording


@dataclass(frozen=True, slots=True)
class RecordingFailed(Event):
    shared: ClassVar[bool] = True
    recording: Recording


@dataclass(frozen=True, slots=True)
class Pushed(Event):
    """Something for people's sockets, on all nodes: `name` is the Socket.IO event, `data` as on the wire.

    What is pushed can also be read over REST: who is not connected, or is just losing the connection, misses it.
    Not `shared`: signalling brings it to the other nodes itself."""

    user_ids: tuple[str, ...]
    name: str
    data: dict[str, Any]
    unsigned_links: bool = False
    """Whether `data` has links that are yet to be signed, for the login of each socket (`file_links`)."""


@dataclass(frozen=True, slots=True)
class BusInterrupted(Event):
    """Shared events of other nodes may have been missed up to now: what was remembered because no event spoke
    against it must be looked up again. Repeated while the bus is away."""


E = TypeVar("E", bound=Event)


class Events:
    """Published to every handler of the event's class, in the order of subscription."""

    def __init__(self) -> None:
        self._handlers: dict[type[Event], list[Callable[[Any], None]]] = defaultdict(list)
        self.relay: Callable[[Event], None] | None = None
        """Gets each shared event that is published here, to tell the other nodes; it only enqueues."""

    def subscribe(self, kind: type[E], handler: Callable[[E], None]) -> Callable[[], None]:
        """Call `handler` for every later event of `kind`; the answer ends that."""
        self._handlers[kind].append(handler)
        return lambda: self._handlers[kind].remove(handler)

    def publish(self, event: Event) -> None:
        """Tell the handlers here and, of what is shared, the other nodes; in a transaction once it is stored."""
        when_committed(partial(self._publish, event))

    def _publish(self, event: Event) -> None:
        self.deliver(event)
        if event.shared and self.relay is not None:
            _call(self.relay, event)

    def deliver(self, event: Event) -> None:
        """Tell the handlers here alone, of what was published elsewhere or is true for this node."""
        for handler in tuple(self._handlers.get(type(event), ())):
            _call(handler, event)


def _call(handler: Callable[[Any], None], event: Event) -> None:
    try:
        handler(event)
    except Exception:  # noqa: BLE001 - whatever a handler does wrong is its own
        _log.exception("a handler of %s failed", type(event).__name__)
