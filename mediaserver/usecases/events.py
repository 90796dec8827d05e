"""What happened, told to whoever must act on it in this process: handlers are synchronous and only enqueue.

One failing handler is logged and does not keep the event from the others or from the use case that published it.
"""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from mediaserver.domain.actor import Role
from mediaserver.domain.messages import ChatMessage
from mediaserver.domain.recordings import Recording
from mediaserver.domain.sessions import Session
from mediaserver.domain.uploads import Upload

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events: plain facts, past tense."""


@dataclass(frozen=True, slots=True)
class SessionStarted(Event):
    session: Session


@dataclass(frozen=True, slots=True)
class SessionUpdated(Event):
    session: Session


@dataclass(frozen=True, slots=True)
class SessionEnded(Event):
    session: Session


@dataclass(frozen=True, slots=True)
class SessionDeleted(Event):
    session: Session


@dataclass(frozen=True, slots=True)
class UserDeactivated(Event):
    user_id: str


@dataclass(frozen=True, slots=True)
class UserUpdated(Event):
    """Their name, picture or profile changed."""

    user_id: str


@dataclass(frozen=True, slots=True)
class LoginRevoked(Event):
    user_id: str
    login_id: str


@dataclass(frozen=True, slots=True)
class RoleChanged(Event):
    user_id: str
    role: Role


@dataclass(frozen=True, slots=True)
class MessageStored(Event):
    """A new chat message; `chat.to_wire(ctx, reader, event)` makes what one reader may see of it."""

    message: ChatMessage
    sender_name: str
    upload: Upload | None


@dataclass(frozen=True, slots=True)
class RecordingReady(Event):
    recording: Recording


@dataclass(frozen=True, slots=True)
class RecordingFailed(Event):
    recording: Recording


E = TypeVar("E", bound=Event)


class Events:
    """Published to every handler of the event's class, in the order of subscription."""

    def __init__(self) -> None:
        self._handlers: dict[type[Event], list[Callable[[Any], None]]] = defaultdict(list)

    def subscribe(self, kind: type[E], handler: Callable[[E], None]) -> Callable[[], None]:
        """Call `handler` for every later event of `kind`; the answer ends that."""
        self._handlers[kind].append(handler)
        return lambda: self._handlers[kind].remove(handler)

    def publish(self, event: Event) -> None:
        for handler in tuple(self._handlers.get(type(event), ())):
            try:
                handler(event)
            except Exception:  # noqa: BLE001 - whatever a handler does wrong is its own
                _log.exception("a handler of %s failed", type(event).__name__)
