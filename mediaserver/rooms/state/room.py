"""One running session as a state machine: commands with `now` in, effects out. It knows no sockets' insides,
no worker and no database; every numbered event brings a client's copy from the snapshot to the present state.

`now` is in seconds of any monotonic clock. Commands raise `Problem` before they change anything."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mediaserver.base.errors import Conflict, Forbidden, NotFound, Unavailable
from mediaserver.domain.sessions.participants import ParticipantRole
from mediaserver.domain.sessions.sessions import MediaKind, Session
from mediaserver.rooms.state import effects as fx
from mediaserver.rooms.state.event_log import EventLog, Since
from mediaserver.rooms.state.members import FLAG_OF, Member, Person
from mediaserver.rooms.state.stage import Effects, Stage

Action = Literal["mute", "hideVideo", "stopScreen", "lowerHand", "remove", "promote", "demote"]
_FLAGS = ("mute", "video_visible", "cast_screen", "hand_raised")
_HIDEABLE = ("video_visible", "cast_screen")
TYPING_EVERY_S = 1.0


class RoomClosed(Unavailable):
    """The room is being closed, the session may go on: whoever wants in enters anew."""

    def __init__(self) -> None:
        super().__init__("busy", "this session's room is just being closed; try again")


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that a room obeys."""

    capacity: int = 100
    grace_s: float = 30.0


class Room:
    def __init__(self, session: Session, epoch: str, rules: Rules, now: float) -> None:
        self.session = session
        self.rules = rules
        self.members: dict[str, Member] = {}
        self.removed: set[str] = set()
        """User ids that a moderator removed: they do not come back."""
        self.recording: dict[str, Any] | None = None
        self.ended = False
        self.closed = False
        """Takes nobody any more."""
        self.log = EventLog(epoch)
        self.stage = Stage(self.members, self.log, session.rules.sources)
        self.empty_since: float | None = now

    # --------------------------------------------------------------- coming and going

    def join(self, person: Person, socket: str, now: float) -> Effects:
        """A socket becomes the participant's; a former one is replaced. The participant itself goes on."""
        self.check_may_join(person.user_id)
        member = self.members.get(person.participant_id)
        if member is not None:
            return self._rejoin(member, person, socket)
        member = Member(
            person.participant_id, self.session.kind, self.session.id, person.user_id, person.username,
            person.profile_image_url, person.role, person.can_publish, person.login_id, person.joined_at, socket,
            person.is_admin, person.promoted,
        )  # fmt: skip
        self.members[member.id] = member
        self.empty_since = None
        # A new stay begins with all flags off, whatever the last one left in the document.
        fresh = {"mute": False, "video_visible": False, "cast_screen": False}
        return [self._participant("participant.joined", member), fx.Save(member.id, fresh)]

    def check_may_join(self, user_id: str) -> None:
        if self.ended:
            raise Conflict("ended", "this session has ended")
        if self.closed:
            raise RoomClosed
        if user_id in self.removed:
            raise Forbidden("removed", "a moderator removed you from this session")
        if any(member.user_id == user_id for member in self.members.values()):
            return
        if len(self.members) >= self.rules.capacity:
            raise Conflict("room_full", f"this session is full ({self.rules.capacity} people)")

    def _rejoin(self, member: Member, person: Person, socket: str) -> Effects:
        done: Effects = []
        if member.socket is not None and member.socket != socket:
            done += [
                fx.Send(member.socket, "session.replaced", {"reason": "another_tab"}),
                fx.Detach(member.socket),
            ]
        before = member.wire()
        member.socket, member.lost_at, member.login_id = socket, None, person.login_id
        member.username, member.profile_image_url = person.username, person.profile_image_url
        if member.wire() != before:
            done.append(self._participant("participant.updated", member))
        return done + self.stage.assignments(member)

    def lost(self, socket: str, now: float) -> Effects:
        """A connection broke: its participant stays for the time of grace."""
        member = self.of_socket(socket)
        if member is None:
            return []
        member.socket, member.lost_at = None, now
        return [fx.Detach(socket), self._participant("participant.updated", member)]

    def leave(self, participant: str, reason: fx.LeftReason, now: float) -> Effects:
        """A participant goes, with their media; where they were told why, that was before."""
        member = self.members.get(participant)
        if member is None:
            return []
        done = self.stage.connection_over(member, now)
        del self.members[participant]
        if member.socket is not None:
            done.append(fx.Detach(member.socket))
        done.append(self._numbered("participant.left", {"participantId": participant, "reason": reason}))
        done.append(fx.Left(participant, reason))
        if not self.members:
            self.empty_since = now
        return done + self.stage.rebalance(now)

    def expire(self, now: float) -> Effects:
        """What time brings: absences that lasted too long, assignments without an answer, calmer speakers."""
        late = [
            m.id for m in self.members.values() if m.lost_at is not None and m.lost_at + self.rules.grace_s <= now
        ]
        done: Effects = []
        for participant in late:
            done += self.leave(participant, "timeout", now)
        return done + self.stage.expire(now)

    def deadline(self, now: float) -> float | None:
        """When `expire` should be called next."""
        absences = (m.lost_at + self.rules.grace_s for m in self.members.values() if m.lost_at is not None)
        return min((*absences, *self.stage.deadlines(now)), default=None)

    def turn_out(self, member: Member, why: str, reason: fx.LeftReason, now: float) -> Effects:
        """Tell a participant's socket that it is out (`why`), and let the participant leave."""
        told: Effects = [fx.Send(member.socket, "session.replaced", {"reason": why})] if member.socket else []
        return told + self.leave(member.id, reason, now)

    def end(self, reason: fx.EndReason, now: float) -> Effects:
        """The session is over: everyone is told and leaves."""
        if self.ended:
            return []
        self.ended = True
        done: Effects = [self._numbered("session.ended", {"reason": reason})]
        for member in self.members.values():
            if member.socket is not None:  # out before the leaving begins: they need not hear of all of it
                done.append(fx.Detach(member.socket))
                member.socket = None
        for participant in list(self.members):
            done += self.leave(participant, "ended", now)
        return done

    def close_if_empty(self, kept_s: float, now: float) -> bool:
        """Close for good a room that has been empty for so long; False when somebody is in or just was."""
        if self.empty_since is not None and now - self.empty_since >= kept_s:
            self.closed = True
        return self.closed

    def close(self, now: float) -> Effects:
        """Everyone leaves without a word to the others: the server closes the room."""
        self.closed = True
        done: Effects = []
        for participant in list(self.members):
            done += self.leave(participant, "ended", now)
        return [effect for effect in done if not isinstance(effect, fx.Broadcast)]

    # --------------------------------------------------------------- what participants do

    def update(self, participant: str, changes: Mapping[str, bool], now: float) -> Effects:
        """One's own flags (`mute`, `video_visible`, `cast_screen`, `hand_raised`)."""
        member = self.member(participant)
        if "video" not in self.session.rules.media and any(flag in changes for flag in _HIDEABLE):
            raise Forbidden("not_allowed", "this kind of session has no video")
        member.hidden -= {flag for flag in _HIDEABLE if changes.get(flag) is True}
        member.hidden |= {flag for flag in _HIDEABLE if changes.get(flag) is False}
        return self._set_flags(member, changes, now)

    def moderate(self, actor: str, target: str, action: Action, now: float) -> Effects:
        """What a moderator does to another participant."""
        self.check_moderates(actor)
        member = self.members.get(target)
        if member is None:
            raise NotFound("not_found", "there is no such participant in this session now")
        return _MODERATION[action](self, member, now)

    def check_moderates(self, participant: str) -> None:
        if self.member(participant).role != "moderator":
            raise Forbidden("forbidden", "only moderators may do this")

    def typing(self, participant: str, now: float) -> Effects:
        member = self.member(participant)
        if now - member.typed_at < TYPING_EVERY_S:
            return []
        member.typed_at = now
        data = {"participantId": member.id, "userId": member.user_id, "username": member.username}
        return [fx.Broadcast("chat.typing", data)]

    def negotiated(
        self,
        participant: str,
        generation: int,
        transport: str,
        published: Sequence[fx.Published],
        slots: Mapping[str, MediaKind],
        now: float,
    ) -> Effects:
        """A negotiation has succeeded. Publishing a camera or screen shows it unless it was hidden expressly;
        unpublishing takes its flag back."""
        member = self.member(participant)
        before, after = set(member.tracks), {track.source for track in published}
        done = self._set_flags(member, self.stage.flags_after(member, after), now)
        done += self.stage.negotiated(member, generation, transport, published, slots, now)
        ended = {FLAG_OF[source] for source in before - after if source in FLAG_OF}
        ended -= {FLAG_OF[source] for source in after if source in FLAG_OF}
        return done + self._set_flags(member, dict.fromkeys(sorted(ended), False), now)

    def media_lost(self, members: Iterable[Member], now: float) -> Effects:
        """The worker lost these connections: their owners shall make new ones."""
        done: Effects = []
        for member in [m for m in members if m.transport]:
            member.transport = None  # it needs no closing any more
            done += self.stage.connection_over(member, now)
            if member.socket is not None:
                done.append(fx.Send(member.socket, "media.reset", {"generation": member.generation + 1}))
        return done

    def track_limited(self, track_id: str, reason: str, is_over: bool, now: float) -> Effects:
        """The worker refuses packets of a track that sends too much: its publisher is told, and when `is_over`
        the track is ended for everyone."""
        track = self.stage.tracks.get(track_id)
        if track is None:
            return []
        member = self.members[track.participant_id]
        if not is_over:
            data = {"trackId": track_id, "reason": reason}
            return [fx.Send(member.socket, "track.limited", data)] if member.socket is not None else []
        done = self.stage.unpublish(member, track, now, reason)
        if flag := FLAG_OF.get(track.source):
            done += self._set_flags(member, {flag: False}, now)
        return done + self.stage.rebalance(now)

    def _hide(self, member: Member, flag: str, now: float) -> Effects:
        member.hidden.add(flag)
        return self._set_flags(member, {flag: False}, now)

    def _remove(self, member: Member, now: float) -> Effects:
        if member.role == "moderator":
            raise Forbidden("not_allowed", "moderators cannot be removed")
        self.removed.add(member.user_id)
        return self.turn_out(member, "removed", "removed", now)

    def _let_publish(self, member: Member, may: bool, now: float) -> Effects:
        if self.session.everyone_publishes() or member.role == "moderator":
            raise Conflict("not_allowed", "promoting is for listeners of a broadcast")
        if member.can_publish == may:
            return []
        member.can_publish = member.promoted = may
        done: Effects = [self._participant("participant.updated", member), fx.Save(member.id, {"promoted": may})]
        return done + self._end_forbidden(member, now) + self.stage.rebalance(now)

    def _end_forbidden(self, member: Member, now: float) -> Effects:
        """Who may not publish has no tracks."""
        ended = [] if member.can_publish else list(member.tracks.values())
        return [effect for track in ended for effect in self.stage.unpublish(member, track, now)]

    def _set_flags(self, member: Member, changes: Mapping[str, bool], now: float) -> Effects:
        changed = {
            flag: changes[flag] for flag in _FLAGS if flag in changes and changes[flag] != getattr(member, flag)
        }
        if not changed:
            return []
        for flag, value in changed.items():
            setattr(member, flag, value)
        done: Effects = [self._participant("participant.updated", member), *self.stage.flags_changed(member)]
        if lasting := {flag: value for flag, value in changed.items() if flag != "hand_raised"}:
            done.append(fx.Save(member.id, lasting))
        return done + self.stage.rebalance(now)

    # --------------------------------------------------------------- what documents say anew

    def person_changed(self, user_id: str, username: str, profile_image_url: str | None) -> Effects:
        """Somebody has another name or picture."""
        done: Effects = []
        for member in [m for m in self.members.values() if m.user_id == user_id]:
            before = member.wire()
            member.username, member.profile_image_url = username, profile_image_url
            if member.wire() != before:
                done.append(self._participant("participant.updated", member))
        return done

    def role_changed(self, user_id: str, is_admin: bool, now: float) -> Effects:
        """Admins moderate every session; somebody has become one, or is none any more."""
        done: Effects = []
        for member in [m for m in self.members.values() if m.user_id == user_id]:
            member.is_admin = is_admin
            done += self._settle_rights(member, now)
        return done

    def session_updated(self, session: Session, wire: dict[str, Any], now: float) -> Effects:
        """Its title, plan, type or moderator: the last two change what people may do.

        From other nodes it may come late or twice: what is older than what the room has is passed over."""
        if session.revision <= self.session.revision:
            return []
        self.session = session
        done: Effects = [self._numbered("session.updated", {"session": wire})]
        for member in list(self.members.values()):
            done += self._settle_rights(member, now)
        return done

    def _settle_rights(self, member: Member, now: float) -> Effects:
        moderates = member.is_admin or member.user_id == self.session.moderator_user_id
        role: ParticipantRole = "moderator" if moderates else "participant"
        may_publish = moderates or member.promoted or self.session.everyone_publishes()
        if (role, may_publish) == (member.role, member.can_publish):
            return []
        done: Effects = [] if role == member.role else [fx.Save(member.id, {"role": role})]
        member.role, member.can_publish = role, may_publish
        done.append(self._participant("participant.updated", member))
        return done + self._end_forbidden(member, now) + self.stage.rebalance(now)

    # --------------------------------------------------------------- recording

    def recording_changed(self, event: str, recording: dict[str, Any], reason: str | None = None) -> Effects:
        """`recording.started`, `.stopped`, `.ready` or `.failed`; an earlier recording's leave this one be."""
        running = event == "recording.started"
        why = {} if reason is None else {"reason": reason}
        done: Effects = [self._numbered(event, {"recording": recording, **why})]
        if running:
            self.recording, self.stage.recording = recording, True
            done += [fx.TrackBegun(track) for track in self.stage.tracks]
        elif self.recording and self.recording["id"] == recording["id"]:
            self.stage.recording = False
            self.recording = recording if event == "recording.stopped" else None
        return done

    def recording_warned(self, recording: str, warning: dict[str, Any] | None, now: float) -> Effects:
        """The server will stop the running recording for the reason in `warning`; None: it goes on after all."""
        if not self.stage.recording or self.recording is None or self.recording["id"] != recording:
            return []
        self.recording = {**self.recording, "warning": warning}
        return [self._numbered("recording.warning", {"recording": self.recording})]

    # --------------------------------------------------------------- seeing

    def member(self, participant: str) -> Member:
        if participant not in self.members:
            raise Conflict("not_in_session", "join a session first")
        return self.members[participant]

    def of_socket(self, socket: str) -> Member | None:
        return next((m for m in self.members.values() if m.socket == socket), None)

    def of_transport(self, transport: str) -> Member | None:
        return next((m for m in self.members.values() if m.transport == transport), None)

    def snapshot(self) -> dict[str, Any]:
        return {
            "participants": [member.wire() for member in self.members.values()],
            "tracks": [track.wire() for track in self.stage.tracks.values()],
            "recording": self.recording,
            "speakers": self.stage.speakers,
        }

    def state_since(self, since: Since) -> dict[str, Any]:
        """`epoch`, `n` and either the events after `since` or a snapshot."""
        events = self.log.since(since.epoch, since.n)
        snapshot = self.snapshot() if events is None else None
        return {"epoch": self.log.epoch, "n": self.log.n, "events": events, "snapshot": snapshot}

    def _participant(self, event: str, member: Member) -> fx.Effect:
        return self._numbered(event, {"participant": member.wire()})

    def _numbered(self, event: str, data: Mapping[str, Any]) -> fx.Effect:
        return fx.Broadcast(event, self.log.append(event, data))


_MODERATION: dict[Action, Callable[[Room, Member, float], Effects]] = {
    "mute": lambda room, member, now: room._set_flags(member, {"mute": True}, now),
    "hideVideo": lambda room, member, now: room._hide(member, "video_visible", now),
    "stopScreen": lambda room, member, now: room._hide(member, "cast_screen", now),
    "lowerHand": lambda room, member, now: room._set_flags(member, {"hand_raised": False}, now),
    "remove": lambda room, member, now: room._remove(member, now),
    "promote": lambda room, member, now: room._let_publish(member, True, now),
    "demote": lambda room, member, now: room._let_publish(member, False, now),
}
