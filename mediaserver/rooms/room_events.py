"""Brings the events that use cases publish to the rooms they concern: ended sessions, messages, users' rights."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from mediaserver.base.errors import NotFound
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.recordings import Recording
from mediaserver.domain.sessions.sessions import Session, SessionKind
from mediaserver.rooms.recording_control import recording_wire
from mediaserver.rooms.room_task import RoomTask
from mediaserver.rooms.state import effects as fx
from mediaserver.rooms.state.members import Member
from mediaserver.usecases import events
from mediaserver.usecases.access import course_access
from mediaserver.usecases.context import Context
from mediaserver.usecases.representation import users
from mediaserver.usecases.sessions import sessions

_ANY_READER = Actor(user_id="", username="", role="student", login_id="")


class RoomLookup(Protocol):
    """The rooms of this server, as far as events concern them."""

    def get(self, kind: SessionKind, session_id: str) -> RoomTask | None: ...
    def all(self) -> list[RoomTask]: ...
    def rooms_of(self, user_id: str) -> list[RoomTask]: ...
    def end(self, session: Session, reason: fx.EndReason) -> None: ...


class RoomEvents:
    """Subscribes to events and passes them to the rooms. Handlers only enqueue."""

    def __init__(self, ctx: Context, rooms: RoomLookup) -> None:
        self._ctx, self._rooms = ctx, rooms

    def subscribe(self) -> None:
        on = self._ctx.events.subscribe
        on(events.SessionEnded, lambda event: self._rooms.end(event.session, "ended"))
        on(events.SessionDeleted, lambda event: self._rooms.end(event.session, "deleted"))
        on(events.SessionUpdated, self._session_updated)
        on(events.UserUpdated, self._user_updated)
        on(events.RoleChanged, self._role_changed)
        on(events.Unenrolled, self._unenrolled)
        on(
            events.UserDeactivated,
            lambda event: self._remove(event.user_id, None, "deactivated", "deactivated"),
        )
        on(
            events.LoginRevoked,
            lambda event: self._remove(event.user_id, event.login_id, "login_revoked", "left"),
        )
        on(events.MessageStored, self._message_stored)
        on(events.RecordingReady, lambda event: self._recording_changed("recording.ready", event.recording))
        on(events.RecordingFailed, lambda event: self._recording_changed("recording.failed", event.recording))
        on(events.BusInterrupted, lambda event: self._refresh_all())

    # --------------------------------------------------------------- sessions

    def _session_updated(self, event: events.SessionUpdated) -> None:
        session = event.session
        room = self._rooms.get(session.kind, session.id)
        if room is None:
            return

        async def update() -> None:
            (wire,) = await sessions.describe(self._ctx, _ANY_READER, [session])  # the same for every reader
            room.enqueue(lambda now: room.room.session_updated(session, wire, now))

        room.chat.queue.put(update)

    def _refresh_all(self) -> None:
        """Read again what events of other nodes would have reported: some of them may be lost."""
        for room in self._rooms.all():
            room.chat.queue.put(partial(self._refresh, room))

    async def _refresh(self, room: RoomTask) -> None:
        known = room.room.session
        try:
            session = await sessions.find(self._ctx, known.kind, known.id)
        except NotFound:
            self._rooms.end(known, "deleted")
            return
        if session.status == "ended":
            self._rooms.end(session, "ended")
            return
        if session.revision != known.revision:
            self._session_updated(events.SessionUpdated(session))
        await self._remove_unenrolled(room)
        await room.chat.fetch()

    def _message_stored(self, event: events.MessageStored) -> None:
        if room := self._rooms.get(event.message.session_kind, event.message.session_id):
            room.chat.stored(event)

    def _recording_changed(self, name: str, recording: Recording) -> None:
        if room := self._rooms.get(recording.session_kind, recording.session_id):
            wire = recording_wire(recording)
            if room.room.recording and room.room.recording["id"] == recording.id:
                room.recording_feed.stop()
            room.enqueue(lambda now: room.room.recording_changed(name, wire))

    # --------------------------------------------------------------- users

    def _user_updated(self, event: events.UserUpdated) -> None:
        for room in self._rooms.rooms_of(event.user_id):
            room.chat.queue.put(partial(self._update_user, room, event.user_id))

    async def _update_user(self, room: RoomTask, user_id: str) -> None:
        name, face = (await users.names(self._ctx, [user_id]))[user_id], await users.face(self._ctx, user_id)
        room.enqueue(lambda now: room.room.person_changed(user_id, name, face))

    def _role_changed(self, event: events.RoleChanged) -> None:
        is_admin = event.role == "admin"
        for room in self._rooms.rooms_of(event.user_id):
            for participant, actor in room.actors.items():
                if actor.user_id == event.user_id:
                    room.actors[participant] = event.applied_to(actor)
            room.enqueue(partial(room.room.role_changed, event.user_id, is_admin))
            if not is_admin and room.room.session.course_id:
                room.chat.queue.put(partial(self._remove_unenrolled, room))

    def _unenrolled(self, event: events.Unenrolled) -> None:
        for room in self._rooms.rooms_of(event.user_id):
            if room.room.session.course_id == event.course_id:
                room.enqueue(partial(_unenroll, room, event.user_id))

    async def _remove_unenrolled(self, room: RoomTask) -> None:
        """Remove participants, other than moderators, who are not enrolled in the session's course."""
        for user_id in {member.user_id for member in room.room.members.values() if member.role != "moderator"}:
            if not await course_access.passes(self._ctx, user_id, room.room.session):
                room.enqueue(partial(_unenroll, room, user_id))

    def _remove(self, user_id: str, login_id: str | None, why: str, reason: fx.LeftReason) -> None:
        """Remove a user, or only the connections of one login, from all rooms."""

        def concerned(member: Member) -> bool:
            return member.user_id == user_id and login_id in (None, member.login_id)

        for room in self._rooms.all():
            room.enqueue(partial(_turn_out, room, concerned, why, reason))


def _unenroll(room: RoomTask, user_id: str, now: float) -> list[fx.Effect]:
    """Remove a user who is no longer enrolled in the session's course, unless they moderate."""

    def concerned(member: Member) -> bool:
        return member.user_id == user_id and member.role != "moderator"

    return _turn_out(room, concerned, "unenrolled", "unenrolled", now)


def _turn_out(
    room: RoomTask, concerned: Callable[[Member], bool], why: str, reason: fx.LeftReason, now: float
) -> list[fx.Effect]:
    found = [member for member in room.room.members.values() if concerned(member)]
    return [effect for member in found for effect in room.room.turn_out(member, why, reason, now)]
