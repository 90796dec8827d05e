"""All running rooms: found by kind and session, made at the first join, closed when over or long empty.

What use cases publish (ended, deactivated, messages, recordings…) reaches the rooms through here."""

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from mediaserver.base.clock import rfc3339
from mediaserver.base.errors import Conflict, Forbidden, NotFound, Problem
from mediaserver.base.ids import new_id
from mediaserver.base.logs import log_context
from mediaserver.base.processes.supervision import periodic
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.recordings import Recording
from mediaserver.domain.sessions.sessions import Session, SessionKind
from mediaserver.media import messages as m
from mediaserver.rooms.interfaces import Worker
from mediaserver.rooms.recording_control import recording_cut_off, recording_wire, stop_recording
from mediaserver.rooms.room_task import Host, Surroundings, room_key
from mediaserver.rooms.state import effects as fx
from mediaserver.rooms.state.members import Member
from mediaserver.usecases import events as happened
from mediaserver.usecases.access import course_access
from mediaserver.usecases.representation import users
from mediaserver.usecases.sessions import sessions

log = logging.getLogger(__name__)

_NOBODY = Actor(user_id="", username="", role="student", login_id="")
_SWEEP_S = 5.0
_DRAIN_S = 10.0
_SHUTDOWN_S = 8.0
"""All rooms together when the server ends: service managers often kill after 10 s."""


class Rooms:
    """`run` must be running. Everything is called on one event loop."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.ctx = around.ctx
        self._hosts: dict[str, Host] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closing: dict[str, asyncio.Task[None]] = {}
        self._subscribe()
        around.workers.listen(self._worker_event, self._worker_died)
        around.recorder.listen(self._recorder_is_back)

    # --------------------------------------------------------------- finding

    async def enter(self, session: Session) -> Host:
        """The session's room, made when there is none; its chat position is known.

        Conflict `ended` when it has ended since `session` was read."""
        key = room_key(session.kind, session.id)
        while closing := self._closing.get(key):
            await asyncio.wait([closing])
        host = self._hosts.get(key)
        if host is None:
            host = self._hosts[key] = Host(session, new_id(), self._around)
            self._run(host)
            log.info("room opened", extra={"room": key})
            await self._check_live(host, session)
        await host.chat.start()
        return host

    def _run(self, host: Host) -> None:
        # In a context of its own: what the room logs is not about whoever came first.
        own = contextvars.Context()
        task = asyncio.create_task(host.run(), name=f"room {host.key}", context=own)
        task.add_done_callback(lambda task: self._stopped(host, task))
        self._tasks[host.key] = task

    def _stopped(self, host: Host, task: asyncio.Task[None]) -> None:
        """A room's task that failed: its people are sent away, to come back into a new room."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("a room's task failed", exc_info=error, extra={"room": host.key})
        host.close_sockets("failed")
        if host.key not in self._closing:
            self._run(host)  # once more: it takes nobody, but it can be closed in order
            self._close_later(host)

    async def _check_live(self, host: Host, session: Session) -> None:
        """From now on the room hears of the session's end; one that came before can only be read."""
        try:
            sessions.require_live(await sessions.find(self.ctx, session.kind, session.id))
        except (Conflict, NotFound):
            self._over(session, "ended")
            raise
        except Problem:
            self._close_if_empty(host, 0.0)
            raise

    def get(self, kind: SessionKind, session_id: str) -> Host | None:
        """The running room; one that is being closed takes nothing more."""
        return self._hosts.get(room_key(kind, session_id))

    @property
    def rooms(self) -> int:
        return len(self._hosts)

    @property
    def participants(self) -> int:
        return sum(len(host.room.members) for host in self._hosts.values())

    def occupied(self) -> list[str]:
        """The ids of sessions with people in them, those included whose connection was just lost."""
        return [host.room.session.id for host in self._hosts.values() if host.room.members]

    # --------------------------------------------------------------- REST

    async def patch_participant(
        self, actor: Actor, kind: SessionKind, session_id: str, participant_id: str, changes: Mapping[str, bool]
    ) -> dict[str, Any]:
        """Change `mute`, `video_visible`, `cast_screen` of somebody in the running room; answers the Participant.

        One's own flags freely; moderators may switch those of others off. Conflict `not_in_session`."""
        host = self.get(kind, session_id)
        member = host.room.members.get(participant_id) if host else None
        if host is None or member is None:
            raise Conflict("not_in_session", "this participant is not in the session now")
        own = member.user_id == actor.user_id
        if not own:
            _check_may_switch(host, actor, changes)
        await host.command(lambda now: host.room.update(participant_id, changes, now))
        return member.wire()

    # --------------------------------------------------------------- the recorder

    def recording_lost(self, recording: str, reason: str, why: str) -> None:
        """The recorder ended a recording (by `disk_full` or `disk_reserve`); what it has will be composed."""
        log.error("a recording was cut off", extra={"recording": recording, "why": why})
        for host in self._hosts.values():
            if host.taps.active == recording or host.recording_lock.locked():
                host.taps.lane.put(partial(recording_cut_off, host, self.ctx, recording, reason))

    def recording_warned(self, recording: str, in_s: float | None) -> None:
        """The recorder will stop a recording in `in_s` seconds to spare the disk; None: not any more."""
        warning = None
        if in_s is not None:
            ends_at = self.ctx.clock() + timedelta(seconds=in_s)
            warning = {"reason": "disk_reserve", "endsAt": rfc3339(ends_at)}
        for host in self._hosts.values():
            host.tell(partial(host.room.recording_warned, recording, warning))

    # --------------------------------------------------------------- the life of rooms

    async def run(self) -> None:
        """Close rooms that are over or long empty, until cancelled."""
        kept_s = self.ctx.settings.rooms.empty_s
        await periodic("rooms", self._close_empty, min(_SWEEP_S, max(0.05, kept_s)))

    async def _close_empty(self) -> None:
        for host in list(self._hosts.values()):
            if host.room.empty_since is not None:
                self._close_if_empty(host, self.ctx.settings.rooms.empty_s)

    def _close_if_empty(self, host: Host, kept_s: float) -> None:
        """The room's task decides: who joins before stays, who joins after enters a new room."""

        def decide(now: float) -> list[fx.Effect]:
            if host.room.close_if_empty(kept_s, now):
                self._close_later(host)
            return []

        host.tell(decide)

    async def shutdown(self) -> None:
        """Stop recordings and close all rooms; what they want written is written. Sockets are told by others."""
        for host in list(self._hosts.values()):
            self._close_later(host)
        if self._closing:
            _, late = await asyncio.wait(self._closing.values(), timeout=_SHUTDOWN_S)
            if late:
                log.error("rooms are not closed in order", extra={"rooms": len(late)})

    def _close_later(self, host: Host) -> None:
        if host.key not in self._closing:
            own = contextvars.Context()
            closing = asyncio.create_task(self._close(host), name=f"close {host.key}", context=own)
            self._closing[host.key] = closing

    async def _close(self, host: Host) -> None:
        with log_context(room=host.key):
            try:
                await self._end_in_order(host)
            finally:
                running = self._tasks.pop(host.key)
                running.cancel()
                await asyncio.wait([running])
                del self._hosts[host.key], self._closing[host.key]
                log.info("room closed")

    async def _end_in_order(self, host: Host) -> None:
        try:
            with contextlib.suppress(Conflict):
                await stop_recording(host, self.ctx, None)
        except Exception:
            log.exception("a recording was not stopped in order", extra={"room": host.key})
            host.taps.stop()
        try:
            await host.command(host.room.close)
            await host.drain(_DRAIN_S)
        except Exception:
            log.exception("a room was not closed in order", extra={"room": host.key})

    # --------------------------------------------------------------- what happened elsewhere

    def _subscribe(self) -> None:
        on = self.ctx.events.subscribe
        on(happened.SessionEnded, lambda event: self._over(event.session, "ended"))
        on(happened.SessionDeleted, lambda event: self._over(event.session, "deleted"))
        on(happened.SessionUpdated, self._session_updated)
        on(happened.UserUpdated, self._person_changed)
        on(happened.RoleChanged, self._role_changed)
        on(happened.Unenrolled, self._unenrolled)
        on(happened.UserDeactivated, lambda event: self._out(event.user_id, None, "deactivated", "deactivated"))
        on(happened.LoginRevoked, lambda event: self._out(event.user_id, event.login_id, "login_revoked", "left"))
        on(happened.MessageStored, self._message_stored)
        on(happened.RecordingReady, lambda event: self._recording("recording.ready", event.recording))
        on(happened.RecordingFailed, lambda event: self._recording("recording.failed", event.recording))
        on(happened.BusInterrupted, lambda event: self._look_again())

    def _over(self, session: Session, reason: fx.EndReason) -> None:
        if host := self.get(session.kind, session.id):
            host.tell(lambda now: host.room.end(reason, now))
            self._close_later(host)

    def _session_updated(self, event: happened.SessionUpdated) -> None:
        session = event.session
        host = self.get(session.kind, session.id)
        if host is None:
            return

        async def tell() -> None:
            (wire,) = await sessions.describe(self.ctx, _NOBODY, [session])  # the same for every reader
            host.tell(lambda now: host.room.session_updated(session, wire, now))

        host.chat.lane.put(tell)

    def _look_again(self) -> None:
        """Some of the events of other nodes may not have come: what they would have said is read instead."""
        for host in self._hosts.values():
            host.chat.lane.put(lambda host=host: self._reread(host))  # type: ignore[misc]

    async def _reread(self, host: Host) -> None:
        known = host.room.session
        try:
            session = await sessions.find(self.ctx, known.kind, known.id)
        except NotFound:
            self._over(known, "deleted")
            return
        if session.status == "ended":
            self._over(session, "ended")
            return
        if session.revision != known.revision:
            self._session_updated(happened.SessionUpdated(session))
        await self._turn_out_strangers(host)
        await host.chat.fetch()

    def _unenrolled(self, event: happened.Unenrolled) -> None:
        for host in self._where(event.user_id):
            if host.room.session.course_id == event.course_id:
                host.tell(lambda now, host=host: _unenroll(host, event.user_id, now))  # type: ignore[misc]

    async def _turn_out_strangers(self, host: Host) -> None:
        """Who does not take the session's course, moderators aside, is out."""
        for user_id in {one.user_id for one in host.room.members.values() if one.role != "moderator"}:
            if not await course_access.passes(self.ctx, user_id, host.room.session):
                host.tell(lambda now, id=user_id: _unenroll(host, id, now))  # type: ignore[misc]

    def _person_changed(self, event: happened.UserUpdated) -> None:
        for host in self._where(event.user_id):
            host.chat.lane.put(lambda host=host: self._tell_of(host, event.user_id))  # type: ignore[misc]

    async def _tell_of(self, host: Host, user_id: str) -> None:
        name, face = (await users.names(self.ctx, [user_id]))[user_id], await users.face(self.ctx, user_id)
        host.tell(lambda now: host.room.person_changed(user_id, name, face))

    def _role_changed(self, event: happened.RoleChanged) -> None:
        is_admin = event.role == "admin"
        for host in self._where(event.user_id):
            for participant, actor in host.actors.items():
                if actor.user_id == event.user_id:
                    host.actors[participant] = event.applied_to(actor)
            host.tell(lambda now, host=host: host.room.role_changed(event.user_id, is_admin, now))  # type: ignore[misc]
            if not is_admin and host.room.session.course_id:
                host.chat.lane.put(lambda host=host: self._turn_out_strangers(host))  # type: ignore[misc]

    def _where(self, user_id: str) -> list[Host]:
        """The rooms in which somebody is."""
        return [h for h in self._hosts.values() if any(m.user_id == user_id for m in h.room.members.values())]

    def _out(self, user_id: str, login_id: str | None, why: str, reason: fx.LeftReason) -> None:
        """A person (with that login, when one is named) may not be here any more."""

        def concerned(member: Member) -> bool:
            return member.user_id == user_id and login_id in (None, member.login_id)

        for host in self._hosts.values():
            host.tell(lambda now, host=host: _turn_out(host, concerned, why, reason, now))  # type: ignore[misc]

    def _message_stored(self, event: happened.MessageStored) -> None:
        if host := self.get(event.message.session_kind, event.message.session_id):
            host.chat.stored(event)

    def _recording(self, name: str, recording: Recording) -> None:
        if host := self.get(recording.session_kind, recording.session_id):
            wire = recording_wire(recording)
            if host.room.recording and host.room.recording["id"] == recording.id:
                host.taps.stop()
            host.tell(lambda now: host.room.recording_changed(name, wire))

    def _worker_event(self, worker: Worker, event: m.Event) -> None:
        if isinstance(event, m.SpeakersChanged):
            key = event.room
        elif isinstance(event, m.TransportChanged | m.TrackLimited | m.SlotSuspended | m.SlotUnsupported):
            key = event.transport.rpartition(".")[0]  # as `negotiation` names transports
        else:
            return
        if host := self._hosts.get(key):
            host.worker_event(event)

    def _worker_died(self, worker: Worker) -> None:
        for host in self._hosts.values():
            host.worker_died(worker)

    def _recorder_is_back(self) -> None:
        for host in self._hosts.values():
            host.taps.recorder_is_back()


def _check_may_switch(host: Host, actor: Actor, changes: Mapping[str, bool]) -> None:
    if not host.room.session.is_moderated_by(actor):
        raise Forbidden("forbidden", "only moderators may change others")
    if any(value != (flag == "mute") for flag, value in changes.items()):
        raise Forbidden("not_allowed", "moderators mute and hide; only people themselves undo that")


def _unenroll(host: Host, user_id: str, now: float) -> list[fx.Effect]:
    """Somebody who is no moderator does not take the session's course any more."""

    def concerned(member: Member) -> bool:
        return member.user_id == user_id and member.role != "moderator"

    return _turn_out(host, concerned, "unenrolled", "unenrolled", now)


def _turn_out(
    host: Host, concerned: Callable[[Member], bool], why: str, reason: fx.LeftReason, now: float
) -> list[fx.Effect]:
    found = [member for member in host.room.members.values() if concerned(member)]
    return [effect for member in found for effect in host.room.turn_out(member, why, reason, now)]
