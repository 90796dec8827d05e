"""Runs one room: a single task that changes the room's state and performs the resulting effects.

Performing an effect only enqueues: the task never waits for sockets, the media worker, the recorder or the
documents.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mediaserver.base.errors import Unavailable
from mediaserver.base.logs import log_context
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.sessions import Session, SessionKind
from mediaserver.media import messages as m
from mediaserver.rooms.chat_relay import ChatRelay
from mediaserver.rooms.interfaces import Audience, Recorder, Worker, Workers
from mediaserver.rooms.negotiation.negotiation import PeerConnection
from mediaserver.rooms.negotiation.offer_reader import OfferReader
from mediaserver.rooms.negotiation.sdp_answer import VideoCodec
from mediaserver.rooms.recording_feed import RecordingFeed
from mediaserver.rooms.state import effects as fx
from mediaserver.rooms.state.event_log import Since
from mediaserver.rooms.state.members import Person
from mediaserver.rooms.state.room import Room, RoomClosed, Rules
from mediaserver.rooms.task_queue import Job, TaskQueue
from mediaserver.usecases.context import Context
from mediaserver.usecases.sessions import participants

log = logging.getLogger(__name__)

MAX_WAITING = 1000
"""Commands of clients that may wait. Commands of the server itself are always accepted."""
_COMMAND_TIMEOUT_S = 10.0

Command = Callable[[float], list[fx.Effect]]
"""Changes the room at a time (event loop seconds) and returns the effects."""
_Event = tuple[str, dict[str, Any], Callable[[], None] | None]


def room_key(kind: SessionKind, session_id: str) -> str:
    """Return the name of a session's room."""
    return f"{kind}:{session_id}"


@dataclass(frozen=True, slots=True)
class RoomDependencies:
    """What all room tasks share."""

    ctx: Context
    audience: Audience
    workers: Workers
    recorder: Recorder
    addresses: tuple[str, ...]
    """IP addresses of the media ports, announced in every answer."""
    offers: OfferReader = field(default_factory=OfferReader)


class RoomTask:
    """The task of one room. `run` must be running; the other methods may be called from any task of the loop."""

    def __init__(self, session: Session, epoch: str, dependencies: RoomDependencies) -> None:
        settings = dependencies.ctx.settings
        self.key = room_key(session.kind, session.id)
        self._dependencies = dependencies
        self._clock = asyncio.get_running_loop().time
        self.room = Room(session, epoch, Rules(settings.rooms.capacity, settings.rooms.grace_s), self._clock())
        self.video_codec: VideoCodec = settings.media.video_codec
        self.addresses, self.offers = dependencies.addresses, dependencies.offers
        self.actors: dict[str, Actor] = {}
        """The user of each participant."""
        self.connections: dict[str, PeerConnection] = {}
        """The peer connection of each participant."""
        self.worker_tracks: dict[str, m.SetTrack] = {}
        """The requests that announced the tracks on the stage to the worker."""
        self.worker: Worker | None = None
        self.worker_epoch = 0
        """Grows when the worker dies: what was negotiated before no longer exists."""
        self._worker_lock = asyncio.Lock()
        self.recording_lock = asyncio.Lock()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._mailbox: asyncio.Queue[tuple[Command, asyncio.Future[None] | None]] = asyncio.Queue()
        self._held_events: dict[str, list[_Event]] = {}
        """Events for sockets that wait for the answer to their join."""
        self._running = True  # commands may wait until the task starts
        self._media = TaskQueue(f"{self.key} media")
        self._documents = TaskQueue(f"{self.key} documents", retries=True)
        self.recording_feed = RecordingFeed(self, dependencies.recorder)
        self.chat = ChatRelay(self, dependencies.ctx)

    # --------------------------------------------------------------- the task

    async def run(self) -> None:
        """Handle commands and deadlines until canceled. After a failure it may run once more, to close the
        room."""
        with log_context(room=self.key):
            self._running = True
            try:
                async with asyncio.TaskGroup() as group:
                    for queue in (self._media, self._documents, self.recording_feed.queue, self.chat.queue):
                        group.create_task(queue.run())
                    group.create_task(self._run())
            finally:
                self._stop()

    async def _run(self) -> None:
        while True:
            deadline = None if self.room.closed else self.room.deadline(self._clock())
            wait_s = None if deadline is None else max(0.0, deadline - self._clock())
            try:
                command, future = await asyncio.wait_for(self._mailbox.get(), wait_s)
            except TimeoutError:
                command, future = self.room.expire, None
            self._execute(command, future)

    def _execute(self, command: Command, future: asyncio.Future[None] | None) -> None:
        if future is not None and future.cancelled():
            return  # the caller gave up and reported that
        try:
            for effect in command(self._clock()):
                _PERFORM[type(effect)](self, effect)
        except Exception as error:
            if future is None:
                log.exception("a command failed")
            elif not future.done():
                future.set_exception(error)
        else:
            if future is not None and not future.done():
                future.set_result(None)

    def _stop(self) -> None:
        """Answer all waiting callers: the mailbox is no longer read."""
        self._running, self.room.closed = False, True
        while not self._mailbox.empty():
            _, future = self._mailbox.get_nowait()
            if future is not None and not future.done():
                future.set_exception(RoomClosed())

    async def command(self, command: Command) -> None:
        """Run a client's command in the room's task and wait for it.

        Raises: what the command raises; RoomClosed; Unavailable("busy"); TimeoutError.
        """
        if not self._running:
            raise RoomClosed
        if self._mailbox.qsize() >= MAX_WAITING:
            raise Unavailable("busy", "This session is overloaded. Try again in a moment.")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._mailbox.put_nowait((command, future))
        await asyncio.wait_for(future, _COMMAND_TIMEOUT_S)

    def enqueue(self, command: Command) -> None:
        """Run a command of the server in the room's task, without waiting for it."""
        self._mailbox.put_nowait((command, None))

    async def drain(self, timeout_s: float) -> None:
        """Wait for all commands given so far and for their effects."""
        await self.command(lambda now: [])
        for queue in (self._media, self.recording_feed.queue, self._documents):
            await queue.drain(timeout_s)

    # --------------------------------------------------------------- joining

    async def join(self, actor: Actor, person: Person, socket: str, since: Since) -> tuple[bool, dict[str, Any]]:
        """Return `(resumed, state)`. Later events are held back for the socket until `release_events`."""
        answer: dict[str, Any] = {}
        resumed = person.participant_id in self.room.members

        def join(now: float) -> list[fx.Effect]:
            nonlocal resumed
            resumed = person.participant_id in self.room.members
            done = self.room.join(person, socket, now)
            self.actors[person.participant_id] = actor
            for effect in done:  # the answer to the join contains these
                if isinstance(effect, fx.Broadcast):
                    self._broadcast(effect)
            self._held_events[socket] = []
            answer.update(self.room.state_since(since))
            return [effect for effect in done if not isinstance(effect, fx.Broadcast)]

        await self.command(join)
        with log_context(room=self.key, participant=person.participant_id, user=person.user_id):
            log.info("joined", extra={"resumed": resumed, "socket": socket})
        return resumed, answer

    def release_events(self, socket: str, chat_seen: int) -> None:
        """Send what was held back. The socket has its answer, with the chat up to sequence `chat_seen`."""
        held = self._held_events.pop(socket, None)
        if held is None:  # the socket was replaced meanwhile
            return
        self._dependencies.audience.attach(socket, self.key)
        for event, data, acknowledged in held:
            if event != "chat.message" or data["sequence"] > chat_seen:
                self._dependencies.audience.send(socket, event, data, acknowledged)

    def connection_lost(self, socket: str) -> None:
        """Note that the connection of a socket broke."""
        self.enqueue(lambda now: self.room.lost(socket, now))

    # --------------------------------------------------------------- sockets

    def broadcast(self, event: str, data: dict[str, Any]) -> None:
        """Send an event to all sockets in the room."""
        self._dependencies.audience.broadcast(self.key, event, data)
        for held in self._held_events.values():
            held.append((event, data, None))

    def send(
        self, socket: str, event: str, data: dict[str, Any], acknowledged: Callable[[], None] | None = None
    ) -> None:
        """Send an event to one socket."""
        if (held := self._held_events.get(socket)) is not None and event != "session.replaced":
            held.append((event, data, acknowledged))
        else:
            self._dependencies.audience.send(socket, event, data, acknowledged)

    def _broadcast(self, effect: fx.Broadcast) -> None:
        self.broadcast(effect.event, effect.data)

    def _send(self, effect: fx.Send) -> None:
        self.send(effect.socket, effect.event, effect.data)

    def _assign(self, effect: fx.Assign) -> None:
        def acknowledged(now: float) -> list[fx.Effect]:
            member = self.room.members.get(effect.participant)
            return self.room.stage.acknowledged(member, effect.mid, effect.revision) if member else []

        self.send(effect.socket, "slot.assigned", effect.data, lambda: self.enqueue(acknowledged))

    def _detach(self, effect: fx.Detach) -> None:
        self._held_events.pop(effect.socket, None)
        self._dependencies.audience.detach(effect.socket, self.key)

    def close_sockets(self, reason: str) -> None:
        """Close the connections of all participants. Their clients reconnect."""
        for member in self.room.members.values():
            if member.socket is not None:
                self._dependencies.audience.send(member.socket, "session.closing", {"reason": reason})
                self._dependencies.audience.close(member.socket)

    # --------------------------------------------------------------- media

    def negotiation_lock(self, participant: str) -> asyncio.Lock:
        """Return the lock that serializes the negotiations of a participant."""
        return self._locks[participant]

    async def get_worker(self) -> Worker:
        """Return the media worker of this room; a new one if the former died. Raises: Unavailable."""
        async with self._worker_lock:
            if self.worker is None or not self.worker.alive:
                self.worker = await self._dependencies.workers.pick()
            return self.worker

    def worker_died(self, worker: Worker) -> None:
        """Make all participants negotiate again if this was the worker of the room."""
        if worker is not self.worker:
            return
        self.worker, self.worker_epoch = None, self.worker_epoch + 1
        self.connections.clear()
        self.enqueue(lambda now: self.room.media_lost(list(self.room.members.values()), now))

    def worker_event(self, event: m.Event) -> None:
        """Handle an event of the media worker about this room."""
        match event:
            case m.SpeakersChanged():
                self.enqueue(lambda now: self.room.stage.speakers_changed(event.tracks, now))
            case m.SlotUnsupported():
                self.enqueue(lambda now: self._unsupported(event))
            case m.SlotSuspended():
                self.enqueue(lambda now: self._suspended(event))
            case m.TrackLimited():
                log.warning(
                    "track exceeds its limit",
                    extra={"track": event.track, "reason": event.reason, "ended": event.is_over},
                )
                self.enqueue(lambda now: self.room.track_limited(event.track, event.reason, event.is_over, now))
            case m.TransportChanged(state="closed"):
                self.enqueue(lambda now: self._transport_closed(event, now))
            case m.TransportChanged():
                log.info(
                    "transport %s", event.state, extra={"transport": event.transport, "reason": event.reason}
                )

    def _unsupported(self, event: m.SlotUnsupported) -> list[fx.Effect]:
        member = self.room.of_transport(event.transport)
        if member is None or member.socket is None:
            return []
        return [fx.Send(member.socket, "slot.unsupported", {"mid": event.mid, "trackId": event.track})]

    def _suspended(self, event: m.SlotSuspended) -> list[fx.Effect]:
        member = self.room.of_transport(event.transport)
        if member is None or member.socket is None:
            return []
        data = {
            "mid": event.mid, "trackId": event.track, "suspended": event.suspended, "reason": "bandwidth"
        }  # fmt: skip
        return [fx.Send(member.socket, "slot.suspended", data)]

    def _transport_closed(self, event: m.TransportChanged, now: float) -> list[fx.Effect]:
        """Handle the end of a DTLS connection: the client closed it, or must open a new one."""
        member = self.room.of_transport(event.transport)
        if member is None:
            return []
        log.info("transport closed", extra={"participant": member.id, "reason": event.reason})
        self.connections.pop(member.id, None)
        if event.reason == "client_closed":
            return self.room.stage.connection_over(member, now)
        return [fx.CloseTransport(event.transport), *self.room.media_lost([member], now)]

    def close_transport(self, transport: str) -> None:
        self._request(lambda worker: worker.close_transport(m.CloseTransport(transport=transport)))

    def _request(self, send: Callable[[Worker], Any]) -> None:
        """Send a request to the room's worker, in order. It is dropped if the worker dies first."""
        epoch = self.worker_epoch

        async def request() -> None:
            if self.worker is not None and self.worker_epoch == epoch:
                await send(self.worker)

        self._media.put(request)

    def _bind(self, effect: fx.Bind) -> None:
        request = m.BindSlot(
            transport=effect.transport, mid=effect.mid, track=effect.track, revision=effect.revision,
            max_width=effect.max_width, max_height=effect.max_height,
        )  # fmt: skip
        self._request(lambda worker: worker.bind_slot(request))

    def _resume(self, effect: fx.Resume) -> None:
        request = m.ResumeSlot(transport=effect.transport, mid=effect.mid, revision=effect.revision)
        self._request(lambda worker: worker.resume_slot(request))

    def _pause(self, effect: fx.Pause) -> None:
        request = m.PauseSlot(transport=effect.transport, mid=effect.mid)
        self._request(lambda worker: worker.pause_slot(request))

    def _enable(self, effect: fx.EnableTrack) -> None:
        request = m.EnableTrack(track=effect.track, enabled=effect.enabled)
        self._request(lambda worker: worker.enable_track(request))

    def close_track(self, track: str) -> None:
        self.worker_tracks.pop(track, None)
        self._request(lambda worker: worker.close_track(m.CloseTrack(track=track)))

    # --------------------------------------------------------------- documents

    def write(self, job: Job) -> None:
        """Write documents, in order. Jobs are retried while the document store is unavailable."""
        self._documents.put(job)

    def _save(self, effect: fx.Save) -> None:
        ctx = self._dependencies.ctx
        self.write(lambda: participants.save_state(ctx, effect.participant, **effect.changes))

    def _left(self, effect: fx.Left) -> None:
        ctx, moment = self._dependencies.ctx, self._dependencies.ctx.clock()
        actor = self.actors.pop(effect.participant, None)
        ids = {"participant": effect.participant, **({"user": actor.user_id} if actor else {})}
        log.info("left", extra={**ids, "reason": effect.reason})
        self.connections.pop(effect.participant, None)
        self._locks.pop(effect.participant, None)
        close = participants.remove if effect.reason == "removed" else participants.leave
        self.write(lambda: close(ctx, effect.participant, moment))


_PERFORM: dict[type[fx.Effect], Callable[[RoomTask, Any], None]] = {
    fx.Broadcast: RoomTask._broadcast,
    fx.Send: RoomTask._send,
    fx.Assign: RoomTask._assign,
    fx.Detach: RoomTask._detach,
    fx.CloseTransport: lambda task, effect: task.close_transport(effect.transport),
    fx.EnableTrack: RoomTask._enable,
    fx.CloseTrack: lambda task, effect: task.close_track(effect.track),
    fx.Bind: RoomTask._bind,
    fx.Resume: RoomTask._resume,
    fx.Pause: RoomTask._pause,
    fx.TrackBegun: lambda task, effect: task.recording_feed.add_track(effect.track),
    fx.TrackMarked: lambda task, effect: task.recording_feed.mark(effect.track, effect.enabled),
    fx.TrackOver: lambda task, effect: task.recording_feed.end_track(effect.track),
    fx.Save: RoomTask._save,
    fx.Left: RoomTask._left,
}
