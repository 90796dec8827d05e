"""All running rooms: found by kind and session, created at the first join, closed when over or empty for long."""

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from mediaserver.base.clock import rfc3339
from mediaserver.base.errors import Conflict, Forbidden, NotFound, Problem
from mediaserver.base.ids import new_id
from mediaserver.base.logs import log_context
from mediaserver.base.processes.supervision import periodic
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.sessions import Session, SessionKind
from mediaserver.media import messages as m
from mediaserver.rooms.interfaces import Worker
from mediaserver.rooms.recording_control import recording_cut_off, stop_recording
from mediaserver.rooms.room_events import RoomEvents
from mediaserver.rooms.room_task import RoomDependencies, RoomTask, room_key
from mediaserver.rooms.state import effects as fx
from mediaserver.usecases.sessions import sessions

log = logging.getLogger(__name__)

_SWEEP_S = 5.0
_DRAIN_S = 10.0
_SHUTDOWN_S = 8.0
"""Time for all rooms together to close at shutdown: service managers often kill after 10 s."""


class Rooms:
    """The rooms of this server. `run` must be running. All methods are called on one event loop."""

    def __init__(self, dependencies: RoomDependencies) -> None:
        self._dependencies = dependencies
        self.ctx = dependencies.ctx
        self._rooms: dict[str, RoomTask] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closing: dict[str, asyncio.Task[None]] = {}
        RoomEvents(self.ctx, self).subscribe()
        dependencies.workers.listen(self._worker_event, self._worker_died)
        dependencies.recorder.listen(self._recorder_restarted)

    # --------------------------------------------------------------- finding

    async def enter(self, session: Session) -> RoomTask:
        """Return the session's room, with its chat ready; it is created if needed.

        Raises: Conflict("ended") when the session ended after `session` was read.
        """
        key = room_key(session.kind, session.id)
        while closing := self._closing.get(key):
            await asyncio.wait([closing])
        room = self._rooms.get(key)
        if room is None:
            room = self._rooms[key] = RoomTask(session, new_id(), self._dependencies)
            self._run(room)
            log.info("room opened", extra={"room": key})
            await self._require_live(room, session)
        await room.chat.start()
        return room

    def _run(self, room: RoomTask) -> None:
        # In its own context, so that the room's log lines do not carry the ids of the first participant.
        own = contextvars.Context()
        task = asyncio.create_task(room.run(), name=f"room {room.key}", context=own)
        task.add_done_callback(lambda task: self._stopped(room, task))
        self._tasks[room.key] = task

    def _stopped(self, room: RoomTask, task: asyncio.Task[None]) -> None:
        """After a room's task failed, disconnect its participants: they reconnect to a new room."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("a room's task failed", exc_info=error, extra={"room": room.key})
        room.close_sockets("failed")
        if room.key not in self._closing:
            self._run(room)  # once more: nobody can join it, but it can be closed properly
            self.close_later(room)

    async def _require_live(self, room: RoomTask, session: Session) -> None:
        """Check that the session did not end before the room existed; the room hears of later ends by events."""
        try:
            sessions.require_live(await sessions.find(self.ctx, session.kind, session.id))
        except (Conflict, NotFound):
            self.end(session, "ended")
            raise
        except Problem:
            self._close_if_empty(room, 0.0)
            raise

    def get(self, kind: SessionKind, session_id: str) -> RoomTask | None:
        """Return the running room of a session, if any. A room that is closing accepts no commands."""
        return self._rooms.get(room_key(kind, session_id))

    def all(self) -> list[RoomTask]:
        """Return all running rooms."""
        return list(self._rooms.values())

    def rooms_of(self, user_id: str) -> list[RoomTask]:
        """Return the rooms in which a user participates."""
        return [
            room
            for room in self._rooms.values()
            if any(member.user_id == user_id for member in room.room.members.values())
        ]

    @property
    def rooms(self) -> int:
        """The number of running rooms."""
        return len(self._rooms)

    @property
    def participants(self) -> int:
        """The number of participants in all rooms."""
        return sum(len(room.room.members) for room in self._rooms.values())

    def occupied(self) -> list[str]:
        """Return the ids of sessions with participants, including those whose connection was just lost."""
        return [room.room.session.id for room in self._rooms.values() if room.room.members]

    # --------------------------------------------------------------- REST

    async def patch_participant(
        self, actor: Actor, kind: SessionKind, session_id: str, participant_id: str, changes: Mapping[str, bool]
    ) -> dict[str, Any]:
        """Change `mute`, `video_visible` or `cast_screen` of a participant in the running room; return it.

        Users change their own flags; moderators may switch off those of others.
        Raises: Conflict("not_in_session"); Forbidden.
        """
        room = self.get(kind, session_id)
        member = room.room.members.get(participant_id) if room else None
        if room is None or member is None:
            raise Conflict("not_in_session", "This participant is not in the session now.")
        own = member.user_id == actor.user_id
        if not own:
            _check_may_switch(room, actor, changes)
        await room.command(lambda now: room.room.update(participant_id, changes, now))
        return member.wire()

    # --------------------------------------------------------------- recordings

    def recording_lost(self, recording: str, reason: str, why: str) -> None:
        """Handle a recording that the recorder ended (`disk_full`, `disk_reserve`). What it has is composed."""
        log.error("a recording was cut off", extra={"recording": recording, "why": why})
        for room in self._rooms.values():
            if room.recording_feed.active == recording or room.recording_lock.locked():
                room.recording_feed.queue.put(partial(recording_cut_off, room, self.ctx, recording, reason))

    def recording_warned(self, recording: str, in_s: float | None) -> None:
        """Warn that the recorder will end a recording in `in_s` seconds to save disk space; None: no longer."""
        warning = None
        if in_s is not None:
            ends_at = self.ctx.clock() + timedelta(seconds=in_s)
            warning = {"reason": "disk_reserve", "endsAt": rfc3339(ends_at)}
        for room in self._rooms.values():
            room.enqueue(partial(room.room.recording_warned, recording, warning))

    # --------------------------------------------------------------- closing

    async def run(self) -> None:
        """Close rooms that are over or have been empty for long, until canceled."""
        kept_s = self.ctx.settings.rooms.empty_s
        await periodic("rooms", self._close_empty, min(_SWEEP_S, max(0.05, kept_s)))

    async def _close_empty(self) -> None:
        for room in self.all():
            if room.room.empty_since is not None:
                self._close_if_empty(room, self.ctx.settings.rooms.empty_s)

    def _close_if_empty(self, room: RoomTask, kept_s: float) -> None:
        """Let the room's task decide: participants who join before that stay, later ones enter a new room."""

        def decide(now: float) -> list[fx.Effect]:
            if room.room.close_if_empty(kept_s, now):
                self.close_later(room)
            return []

        room.enqueue(decide)

    def end(self, session: Session, reason: fx.EndReason) -> None:
        """End the room of a session that is over."""
        if room := self.get(session.kind, session.id):
            room.enqueue(lambda now: room.room.end(reason, now))
            self.close_later(room)

    async def shutdown(self) -> None:
        """Stop recordings, close all rooms and finish their writes. Sockets are closed elsewhere."""
        for room in self.all():
            self.close_later(room)
        if self._closing:
            _, late = await asyncio.wait(self._closing.values(), timeout=_SHUTDOWN_S)
            if late:
                log.error("rooms were not closed in time", extra={"rooms": len(late)})

    def close_later(self, room: RoomTask) -> None:
        """Start closing a room."""
        if room.key not in self._closing:
            own = contextvars.Context()
            closing = asyncio.create_task(self._close(room), name=f"close {room.key}", context=own)
            self._closing[room.key] = closing

    async def _close(self, room: RoomTask) -> None:
        with log_context(room=room.key):
            try:
                await self._finish(room)
            finally:
                running = self._tasks.pop(room.key)
                running.cancel()
                await asyncio.wait([running])
                del self._rooms[room.key], self._closing[room.key]
                log.info("room closed")

    async def _finish(self, room: RoomTask) -> None:
        try:
            with contextlib.suppress(Conflict):
                await stop_recording(room, self.ctx, None)
        except Exception:
            log.exception("a recording could not be stopped properly", extra={"room": room.key})
            room.recording_feed.stop()
        try:
            await room.command(room.room.close)
            await room.drain(_DRAIN_S)
        except Exception:
            log.exception("a room could not be closed properly", extra={"room": room.key})

    # --------------------------------------------------------------- workers and recorder

    def _worker_event(self, worker: Worker, event: m.Event) -> None:
        if isinstance(event, m.SpeakersChanged):
            key = event.room
        elif isinstance(event, m.TransportChanged | m.TrackLimited | m.SlotSuspended | m.SlotUnsupported):
            key = event.transport.rpartition(".")[0]  # `negotiation` names transports after their room
        else:
            return
        if room := self._rooms.get(key):
            room.worker_event(event)

    def _worker_died(self, worker: Worker) -> None:
        for room in self._rooms.values():
            room.worker_died(worker)

    def _recorder_restarted(self) -> None:
        for room in self._rooms.values():
            room.recording_feed.recorder_restarted()


def _check_may_switch(room: RoomTask, actor: Actor, changes: Mapping[str, bool]) -> None:
    if not room.room.session.is_moderated_by(actor):
        raise Forbidden("forbidden", "Only moderators may change other participants.")
    if any(value != (flag == "mute") for flag, value in changes.items()):
        detail = "Moderators can only mute and hide. The participants themselves can undo that."
        raise Forbidden("not_allowed", detail)
