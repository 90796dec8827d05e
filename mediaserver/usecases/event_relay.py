"""Shared events between nodes: each as its name and the stored form of its fields.

What comes in was written by another node, perhaps of another version: what does not fit is logged, not raised."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mediaserver.domain.documents.document import to_stored
from mediaserver.usecases.events import BusInterrupted, Event, Events

log = logging.getLogger(__name__)

Message = dict[str, Any]
_REMEMBERED = 100


class Relay:
    """Between the events of this node and a bus: `connect` gives it the bus's way out."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._unknown: set[str] = set()

    def connect(self, send: Callable[[Message], None]) -> None:
        """From now on shared events go to `send`, which must not block."""
        self._events.relay = lambda event: send(form(event))

    def received(self, message: Mapping[str, Any]) -> None:
        """Another node's message: its event is handed to the handlers here."""
        name, values = message.get("event"), message.get("fields")
        kind = _shared_kinds().get(name) if isinstance(name, str) else None
        if kind is None:
            self._log_unknown(str(name)[:64])
            return
        try:
            event = _reader(kind).validate_python(values)  # type: ignore[arg-type]  # mypy: no Hashable
        except ValidationError as error:
            faults = [".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)]
            log.warning("an event of another node does not fit", extra={"event": name, "fields": faults[:10]})
            return
        self._events.deliver(event)

    def interrupted(self) -> None:
        """Messages may have been missed."""
        self._events.deliver(BusInterrupted())

    def _log_unknown(self, name: str) -> None:
        if name not in self._unknown and len(self._unknown) < _REMEMBERED:
            self._unknown.add(name)
            log.warning("another node speaks of events that are unknown here", extra={"event": name})


def form(event: Event) -> Message:
    """The event for a bus; `Relay.received` reads it."""
    values = {field.name: to_stored(getattr(event, field.name)) for field in fields(event)}
    return {"event": type(event).__name__, "fields": values}


def _shared_kinds() -> dict[str, type[Event]]:
    """By name. Asked for each time: modules that are imported later may add some."""
    # `dataclass(slots=True)` makes a second class beside the first: the later one is in use.
    return {kind.__name__: kind for kind in Event.__subclasses__() if kind.shared}


@cache
def _reader(kind: type[Event]) -> TypeAdapter[Event]:
    return TypeAdapter(kind)
