"""What the composition root passes to the HTTP API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry

from mediaserver.api.runtime.readiness import Check, Readings
from mediaserver.api.runtime.scrapes import Scrapes
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.sessions import SessionKind
from mediaserver.usecases.context import Context
from mediaserver.usecases.files.file_transfers import FileTransfers


class RunningRooms(Protocol):
    """The rooms of this server, as far as REST changes them."""

    async def patch_participant(
        self, actor: Actor, kind: SessionKind, session_id: str, participant_id: str, changes: Mapping[str, bool]
    ) -> dict[str, Any]:
        """Change `mute`, `video_visible` or `cast_screen` of a participant; return the room's Participant.

        Raises: Forbidden; Conflict("not_in_session") when the session has no room or the participant is not in
        it.
        """


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that handlers need beside the request."""

    context: Context
    rooms: RunningRooms
    readiness: Mapping[str, Check] = field(default_factory=dict)
    """The checks of `/readyz` by name of the part."""
    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)
    readings: Readings = field(default_factory=Readings)
    scrapes: Scrapes = field(init=False)
    transfers: FileTransfers = field(init=False)
    """File responses in progress; its `run` must be running."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "scrapes", Scrapes(self.metrics))
        object.__setattr__(self, "transfers", FileTransfers(self.context))


SERVICES = web.AppKey("services", Services)
