"""Handlers of client events: one per message, which calls a room or a use case and returns the answer.

The handlers of a client run one after another; those in `QUEUES` run beside the others. A `Problem` that a
handler raises becomes the error in the acknowledgement.
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from mediaserver.base.errors import Conflict, FieldError, Invalid, Problem
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.chat_messages import ChatMessage
from mediaserver.domain.sessions.participants import ParticipantRole
from mediaserver.domain.sessions.sessions import Session
from mediaserver.rooms.negotiation.ice_servers import ice_servers
from mediaserver.rooms.negotiation.negotiation import negotiate
from mediaserver.rooms.recording_control import start_recording, stop_recording
from mediaserver.rooms.registry import Rooms
from mediaserver.rooms.room_task import RoomTask
from mediaserver.rooms.state.event_log import Since
from mediaserver.rooms.state.members import Person
from mediaserver.rooms.state.room import Room, RoomClosed
from mediaserver.rooms.state.slots import Wish
from mediaserver.rooms.state.stage import Effects
from mediaserver.signalling import messages as c
from mediaserver.signalling.command_queues import CommandQueue, QueueName
from mediaserver.usecases.access import course_access
from mediaserver.usecases.context import Context
from mediaserver.usecases.messaging import direct_messages
from mediaserver.usecases.representation import users
from mediaserver.usecases.sessions import chat, occupancy, participants, sessions

log = logging.getLogger(__name__)

Wire = dict[str, Any]
_CHAT_PAGES = 5


@dataclass(slots=True)
class Client:
    """A connected socket with its user and room."""

    socket: str
    actor: Actor
    room_task: RoomTask | None = None
    """The room that it has joined."""
    participant: str = ""
    queues: dict[QueueName, CommandQueue] = field(default_factory=dict)
    gone: bool = False
    """Whether the connection is closed; a handler may still be running."""

    def joined_room(self) -> RoomTask:
        """Return the room in which the participant uses this socket. Raises: Conflict("not_in_session")."""
        if self.room_task is None or not self.owns(self.room_task):
            raise Conflict("not_in_session", "Join a session first.")
        return self.room_task

    def owns(self, room_task: RoomTask) -> bool:
        member = room_task.room.members.get(self.participant)
        return member is not None and member.socket == self.socket

    def check_still_in(self, room_task: RoomTask) -> None:
        """Raise Conflict if the socket broke, was replaced or was removed while its join was waiting."""
        if self.gone:
            raise Conflict("not_in_session", "The connection is closed.")
        if self.room_task is not room_task or not self.owns(room_task):
            room_task.room.check_may_join(self.actor.user_id)  # ended or removed
            raise Conflict("replaced", "Another connection of yours has joined this session.")

    async def command(self, decide: Callable[[Room, float], Effects]) -> RoomTask:
        """Run a command in the room, unless the participant has changed to another socket meanwhile."""
        room_task = self.joined_room()

        def decide_for_owner(now: float) -> Effects:
            self.joined_room()
            return decide(room_task.room, now)

        await room_task.command(decide_for_owner)
        return room_task


@dataclass(frozen=True, slots=True)
class Services:
    """What handlers need."""

    ctx: Context
    rooms: Rooms


@dataclass(frozen=True, slots=True)
class Reply:
    """The fields of the acknowledgement. `then` is called right after it was sent."""

    data: Wire
    then: Callable[[], None] | None = None


async def join(services: Services, client: Client, message: c.SessionJoin) -> Reply:
    if client.room_task is not None:
        with contextlib.suppress(Conflict):  # it was removed at this moment
            await _leave(client)
    try:
        return await _join(services, client, message)
    except RoomClosed:  # the room closed between finding and joining it
        return await _join(services, client, message)


async def _join(services: Services, client: Client, message: c.SessionJoin) -> Reply:
    ctx = services.ctx
    admission = await sessions.admit(ctx, client.actor, message.kind, message.session_id)
    session = admission.session
    role: ParticipantRole = "moderator" if admission.is_moderator else "participant"
    room_task = await services.rooms.enter(session)
    room_task.room.check_may_join(client.actor.user_id)  # before a document is stored that says they were here
    await occupancy.occupy(ctx, session)
    document = await participants.enter(ctx, client.actor, session, role, ctx.clock())
    person = Person(
        document.id, client.actor.user_id, client.actor.username, await users.face(ctx, client.actor.user_id),
        role, admission.can_publish, client.actor.login_id, document.joined_at,
        client.actor.is_admin, document.promoted,
    )  # fmt: skip
    since = Since(message.since.chat, message.since.epoch, message.since.n)
    resumed, state = await _take_place(ctx, client, room_task, person, since)
    try:
        client.check_still_in(room_task)
        # The user may have been unenrolled before the room knew them.
        await course_access.require(ctx, client.actor, session)
        history = await _missed_chat(ctx, session, since.chat)
        (session_wire,) = await sessions.describe(ctx, client.actor, [session])
        messages = await chat.describe(ctx, client.actor, history.messages)
        client.check_still_in(room_task)
    except BaseException:
        client.room_task = None
        room_task.connection_lost(client.socket)
        raise
    seen = max(since.chat or 0, messages[-1]["sequence"] if messages else 0)
    answer = {
        **state,
        "participantId": document.id,
        "resumed": resumed,
        "session": session_wire,
        "iceServers": ice_servers(ctx.settings.media, client.actor.user_id, ctx.clock()),
        "media": _media(ctx, room_task, document.id),
        "capacity": ctx.settings.rooms.capacity,
        "chat": {"messages": messages, "lastSequence": history.last_sequence, "truncated": history.truncated},
    }
    return Reply(answer, then=lambda: room_task.release_events(client.socket, seen))


async def _take_place(
    ctx: Context, client: Client, room_task: RoomTask, person: Person, since: Since
) -> tuple[bool, Wire]:
    """Join the room; return `(resumed, state)`. On failure, no presence is left open in the documents."""
    try:
        if client.gone:  # it must not replace a live connection
            raise Conflict("not_in_session", "The connection is closed.")
        joined = await room_task.join(client.actor, person, client.socket, since)
    except (Problem, TimeoutError):
        if person.participant_id not in room_task.room.members:
            await participants.leave(ctx, person.participant_id, ctx.clock())
        raise
    client.room_task, client.participant = room_task, person.participant_id
    return joined


async def _missed_chat(ctx: Context, session: Session, seen: int | None) -> chat.History:
    """Return all messages after `seen`; without it, or if these are too many, the latest ones."""
    if seen is None:
        return await chat.history(ctx, session.kind, session.id)
    messages: list[ChatMessage] = []
    for _ in range(_CHAT_PAGES):
        page = await chat.history(
            ctx, session.kind, session.id, after=messages[-1].sequence if messages else seen
        )
        messages += page.messages
        if not page.truncated:
            return chat.History(messages, page.last_sequence, False)
    return await chat.history(ctx, session.kind, session.id)


def _media(ctx: Context, room_task: RoomTask, participant: str) -> Wire:
    rules, member = room_task.room.session.rules, room_task.room.members.get(participant)
    return {
        "kinds": list(rules.media),
        "sources": list(rules.sources),
        "videoCodec": room_task.video_codec if "video" in rules.media else None,
        "floatingAudioSlots": ctx.settings.rooms.floating_audio_slots,
        "generation": member.generation if member else 0,
    }


async def leave(services: Services, client: Client, message: c.SessionLeave) -> Reply:
    await _leave(client)
    return Reply({})


async def _leave(client: Client) -> None:
    await client.command(lambda room, now: room.leave(client.participant, "left", now))
    client.room_task = None


async def end(services: Services, client: Client, message: c.SessionEnd) -> Reply:
    session = client.joined_room().room.session
    await sessions.end(services.ctx, client.actor, session.kind, session.id)
    return Reply({})


async def negotiate_media(services: Services, client: Client, message: c.MediaNegotiate) -> Reply:
    sources = {mid: track.source for mid, track in message.tracks.items()}
    return Reply(
        await negotiate(client.joined_room(), client.participant, message.generation, message.sdp, sources)
    )


async def subscribe(services: Services, client: Client, message: c.MediaSubscribe) -> Reply:
    mids = [slot.mid for slot in message.slots]
    if len(set(mids)) < len(mids):
        raise Invalid("invalid", "Each slot may be named once.", [FieldError("slots", "names a slot twice")])
    wishes = [
        Wish(slot.mid, slot.track_id, slot.max_width, slot.max_height, slot.priority, slot.paused)
        for slot in message.slots
    ]
    room_task = await client.command(
        lambda room, now: room.stage.subscribe(room.member(client.participant), wishes, now)
    )
    slots = room_task.room.member(client.participant).slots.by_mid
    named = [slots[mid] for mid in mids if mid in slots]
    return Reply({"slots": [{"mid": s.mid, "trackId": s.track, "revision": s.revision} for s in named]})


async def update(services: Services, client: Client, message: c.ParticipantUpdate) -> Reply:
    changes = message.model_dump(exclude_none=True)
    room_task = await client.command(lambda room, now: room.update(client.participant, changes, now))
    return Reply({"participant": room_task.room.member(client.participant).wire()})


async def moderate(services: Services, client: Client, message: c.ParticipantModerate) -> Reply:
    target, action = message.participant_id, message.action
    await client.command(lambda room, now: room.moderate(client.participant, target, action, now))
    log.info("moderated", extra={"target": target, "action": action})
    return Reply({})


async def send_chat(services: Services, client: Client, message: c.ChatSend) -> Reply:
    ctx, session = services.ctx, client.joined_room().room.session
    stored, _ = await chat.send(
        ctx, client.actor, session.kind, session.id, message.client_id, message.content_type, message.content
    )
    (wire,) = await chat.describe(ctx, client.actor, [stored])
    return Reply({"message": wire})


async def typing(services: Services, client: Client, message: c.ChatTyping) -> Reply:
    await client.command(lambda room, now: room.typing(client.participant, now))
    return Reply({})


async def send_message(services: Services, client: Client, message: c.MessageSend) -> Reply:
    stored = await direct_messages.send(
        services.ctx,
        client.actor,
        message.client_id,
        message.receiver_user_id,
        message.content_type,
        message.content,
    )
    (wire,) = await direct_messages.describe(services.ctx, client.actor, [stored])
    return Reply({"message": wire})


async def begin_recording(services: Services, client: Client, message: c.RecordingStart) -> Reply:
    return Reply(
        {"recording": await start_recording(client.joined_room(), services.ctx, client.actor, client.participant)}
    )


async def end_recording(services: Services, client: Client, message: c.RecordingStop) -> Reply:
    return Reply({"recording": await stop_recording(client.joined_room(), services.ctx, client.participant)})


Handler = Callable[[Services, Client, Any], Awaitable[Reply]]
HANDLERS: dict[type[c.ClientMessage], Handler] = {
    c.SessionJoin: join,
    c.SessionLeave: leave,
    c.SessionEnd: end,
    c.MediaNegotiate: negotiate_media,
    c.MediaSubscribe: subscribe,
    c.ParticipantUpdate: update,
    c.ParticipantModerate: moderate,
    c.ChatSend: send_chat,
    c.ChatTyping: typing,
    c.MessageSend: send_message,
    c.RecordingStart: begin_recording,
    c.RecordingStop: end_recording,
}
