"""Runs one room: a task with a mailbox that alone changes it, and performs what it wants done.

Performing only enqueues: sockets, the media worker, the recorder and the documents are never waited for here."""

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
from mediaserver.rooms.command_queue import Job, Lane
from mediaserver.rooms.interfaces import Audience, Recorder, Worker, Workers
from mediaserver.rooms.negotiation.negotiation import Link
from mediaserver.rooms.negotiation.offer_reader import OfferReader
from mediaserver.rooms.negotiation.sdp_answer import VideoCodec
from mediaserver.rooms.recording_feed import Taps
from mediaserver.rooms.state import effects as fx
from mediaserver.rooms.state.event_log import Since
from mediaserver.rooms.state.members import Person
from mediaserver.rooms.state.room import Room, RoomClosed, Rules
from mediaserver.usecases.context import Context
from mediaserver.usecases.sessions import participants

log = logging.getLogger(__name__)

MAX_WAITING = 1000
"""Commands of clients that may wait; what the server itself has to say always gets in."""
_COMMAND_S = 10.0

Command = Callable[[float], list[fx.Effect]]
_Sent = tuple[str, dict[str, Any], Callable[[], None] | None]


def room_key(kind: SessionKind, session_id: str) -> str:
    return f"{kind}:{session_id}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all hosts share."""

    ctx: Context
    audience: Audience
    workers: Workers
    recorder: Recorder
    addresses: tuple[str, ...]
    """Announced in every answer."""
    offers: OfferReader = field(default_factory=OfferReader)


class Host:
    """`run` must be running; everything else may be called from any task of the loop."""

    def __init__(self, session: Session, epoch: str, around: Surroundings) -> None:
        settings = around.ctx.settings
        self.key = room_key(session.kind, session.id)
        self._around = around
        self._clock = asyncio.get_running_loop().time
        self.room = Room(session, epoch, Rules(settings.rooms.capacity, settings.rooms.grace_s), self._clock())
        self.video_codec: VideoCodec = settings.media.video_codec
        self.addresses, self.offers = around.addresses, around.offers
        self.actors: dict[str, Actor] = {}
        """Who is behind each participant."""
        self.links: dict[str, Link] = {}
        self.told: dict[str, m.SetTrack] = {}
        """What the worker knows of each track on the stage."""
        self.worker: Worker | None = None
        self.worker_epoch = 0
        self._worker_lock = asyncio.Lock()
        self.recording_lock = asyncio.Lock()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._mailbox: asyncio.Queue[tuple[Command, asyncio.Future[None] | None]] = asyncio.Queue()
        self._gates: dict[str, list[_Sent]] = {}
        self._running = True  # commands may wait for the task's first turn
        self._media = Lane(f"{self.key} media")
        self._documents = Lane(f"{self.key} documents", patient=True)
        self.taps = Taps(self, around.recorder)
        self.chat = ChatRelay(self, around.ctx)

    # --------------------------------------------------------------- the task

    async def run(self) -> None:
        """Handle commands and time until cancelled. When it failed, it may run once more, to close the room."""
        with log_context(room=self.key):
            self._running = True
            try:
                async with asyncio.TaskGroup() as group:
                    for lane in (self._media, self._documents, self.taps.lane, self.chat.lane):
                        group.create_task(lane.run())
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
            return  # who asked has given up, and has been told so
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
        """Nobody reads the mailbox any more: whoever waits for an answer gets one."""
        self._running, self.room.closed = False, True
        while not self._mailbox.empty():
            _, future = self._mailbox.get_nowait()
            if future is not None and not future.done():
                future.set_exception(RoomClosed())

    async def command(self, command: Command) -> None:
        """Have the room's task run a client's command; raises what it raises, and `RoomClosed`."""
        if not self._running:
            raise RoomClosed
        if self._mailbox.qsize() >= MAX_WAITING:
            raise Unavailable("busy", "this session has too much to do just now")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._mailbox.put_nowait((command, future))
        await asyncio.wait_for(future, _COMMAND_S)

    def tell(self, command: Command) -> None:
        """Have the room's task run what must not be lost; nobody waits for it."""
        self._mailbox.put_nowait((command, None))

    async def drain(self, timeout_s: float) -> None:
        """Wait for the commands given so far and for all that they want done."""
        await self.command(lambda now: [])
        for lane in (self._media, self.taps.lane, self._documents):
            await lane.drain(timeout_s)

    # --------------------------------------------------------------- joining

    async def join(self, actor: Actor, person: Person, socket: str, since: Since) -> tuple[bool, dict[str, Any]]:
        """`(resumed, state)`; what follows is kept for the socket until `open_gate`."""
        answer: dict[str, Any] = {}
        resumed = person.participant_id in self.room.members

        def join(now: float) -> list[fx.Effect]:
            nonlocal resumed
            resumed = person.participant_id in self.room.members
            done = self.room.join(person, socket, now)
            self.actors[person.participant_id] = actor
            for effect in done:  # the joining socket has these in its answer
                if isinstance(effect, fx.Broadcast):
                    self._broadcast(effect)
            self._gates[socket] = []
            answer.update(self.room.state_since(since))
            return [effect for effect in done if not isinstance(effect, fx.Broadcast)]

        await self.command(join)
        with log_context(room=self.key, participant=person.participant_id, user=person.user_id):
            log.info("joined", extra={"resumed": resumed, "socket": socket})
        return resumed, answer

    def open_gate(self, socket: str, chat_seen: int) -> None:
        """The socket has its answer with the chat up to `chat_seen`: from now on it gets all that happens."""
        kept = self._gates.pop(socket, None)
        if kept is None:  # it was replaced meanwhile
            return
        self._around.audience.attach(socket, self.key)
        for event, data, acknowledged in kept:
            if event != "chat.message" or data["sequence"] > chat_seen:
                self._around.audience.send(socket, event, data, acknowledged)

    def lost(self, socket: str) -> None:
        """A connection broke."""
        self.tell(lambda now: self.room.lost(socket, now))

    # --------------------------------------------------------------- sockets

    def broadcast(self, event: str, data: dict[str, Any]) -> None:
        self._around.audience.broadcast(self.key, event, data)
        for kept in self._gates.values():
            kept.append((event, data, None))

    def send(
        self, socket: str, event: str, data: dict[str, Any], acknowledged: Callable[[], None] | None = None
    ) -> None:
        if (kept := self._gates.get(socket)) is not None and event != "session.replaced":
            kept.append((event, data, acknowledged))
        else:
            self._around.audience.send(socket, event, data, acknowledged)

    def _broadcast(self, effect: fx.Broadcast) -> None:
        self.broadcast(effect.event, effect.data)

    def _send(self, effect: fx.Send) -> None:
        self.send(effect.socket, effect.event, effect.data)

    def _assign(self, effect: fx.Assign) -> None:
        def acknowledged(now: float) -> list[fx.Effect]:
            member = self.room.members.get(effect.participant)
            return self.room.stage.acknowledged(member, effect.mid, effect.revision) if member else []

        self.send(effect.socket, "slot.assigned", effect.data, lambda: self.tell(acknowledged))

    def _detach(self, effect: fx.Detach) -> None:
        self._gates.pop(effect.socket, None)
        self._around.audience.detach(effect.socket, self.key)

    def close_sockets(self, reason: str) -> None:
        """Everyone's connection ends; their clients come back by themselves."""
        for member in self.room.members.values():
            if member.socket is not None:
                self._around.audience.send(member.socket, "session.closing", {"reason": reason})
                self._around.audience.close(member.socket)

    # --------------------------------------------------------------- media

    def negotiation_lock(self, participant: str) -> asyncio.Lock:
        return self._locks[participant]

    async def living_worker(self) -> Worker:
        """The worker of this room; a new one when the former died. Raises `Unavailable`."""
        async with self._worker_lock:
            if self.worker is None or not self.worker.alive:
                self.worker = await self._around.workers.pick()
            return self.worker

    def worker_died(self, worker: Worker) -> None:
        if worker is not self.worker:
            return
        self.worker, self.worker_epoch = None, self.worker_epoch + 1
        self.links.clear()
        self.tell(lambda now: self.room.media_lost(list(self.room.members.values()), now))

    def worker_event(self, event: m.Event) -> None:
        match event:
            case m.SpeakersChanged():
                self.tell(lambda now: self.room.stage.speakers_changed(event.tracks, now))
            case m.SlotUnsupported():
                self.tell(lambda now: self._unsupported(event))
            case m.SlotSuspended():
                self.tell(lambda now: self._suspended(event))
            case m.TrackLimited():
                log.warning(
                    "track exceeds its limit",
                    extra={"track": event.track, "reason": event.reason, "ended": event.is_over},
                )
                self.tell(lambda now: self.room.track_limited(event.track, event.reason, event.is_over, now))
            case m.TransportChanged(state="closed"):
                self.tell(lambda now: self._transport_closed(event, now))
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
        """DTLS ended: the client closed its connection, or shall make a new one."""
        member = self.room.of_transport(event.transport)
        if member is None:
            return []
        log.info("transport closed", extra={"participant": member.id, "reason": event.reason})
        self.links.pop(member.id, None)
        if event.reason == "client_closed":
            return self.room.stage.connection_over(member, now)
        return [fx.CloseTransport(event.transport), *self.room.media_lost([member], now)]

    def close_transport(self, transport: str) -> None:
        self._ask(lambda worker: worker.close_transport(m.CloseTransport(transport=transport)))

    def _ask(self, request: Callable[[Worker], Any]) -> None:
        """Have the room's worker do something, in order; nothing when it dies before."""
        epoch = self.worker_epoch

        async def ask() -> None:
            if self.worker is not None and self.worker_epoch == epoch:
                await request(self.worker)

        self._media.put(ask)

    def _bind(self, effect: fx.Bind) -> None:
        told = m.BindSlot(
            transport=effect.transport, mid=effect.mid, track=effect.track, revision=effect.revision,
            max_width=effect.max_width, max_height=effect.max_height,
        )  # fmt: skip
        self._ask(lambda worker: worker.bind_slot(told))

    def _resume(self, effect: fx.Resume) -> None:
        told = m.ResumeSlot(transport=effect.transport, mid=effect.mid, revision=effect.revision)
        self._ask(lambda worker: worker.resume_slot(told))

    def _pause(self, effect: fx.Pause) -> None:
        told = m.PauseSlot(transport=effect.transport, mid=effect.mid)
        self._ask(lambda worker: worker.pause_slot(told))

    def _enable(self, effect: fx.EnableTrack) -> None:
        told = m.EnableTrack(track=effect.track, enabled=effect.enabled)
        self._ask(lambda worker: worker.enable_track(told))

    def close_track(self, track: str) -> None:
        self.told.pop(track, None)
        self._ask(lambda worker: worker.close_track(m.CloseTrack(track=track)))

    # --------------------------------------------------------------- documents

    def write(self, job: Job) -> None:
        """Have documents written, in order, and again while their store is away."""
        self._documents.put(job)

    def _save(self, effect: fx.Save) -> None:
        ctx = self._around.ctx
        self.write(lambda: participants.save_state(ctx, effect.participant, **effect.changes))

    def _gone(self, effect: fx.Gone) -> None:
        ctx, moment = self._around.ctx, self._around.ctx.clock()
        actor = self.actors.pop(effect.participant, None)
        ids = {"participant": effect.participant, **({"user": actor.user_id} if actor else {})}
        log.info("left", extra={**ids, "reason": effect.reason})
        self.links.pop(effect.participant, None)
        self._locks.pop(effect.participant, None)
        close = participants.remove if effect.reason == "removed" else participants.leave
        self.write(lambda: close(ctx, effect.participant, moment))


_PERFORM: dict[type[fx.Effect], Callable[[Host, Any], None]] = {
    fx.Broadcast: Host._broadcast,
    fx.Send: Host._send,
    fx.Assign: Host._assign,
    fx.Detach: Host._detach,
    fx.CloseTransport: lambda host, effect: host.close_transport(effect.transport),
    fx.EnableTrack: Host._enable,
    fx.CloseTrack: lambda host, effect: host.close_track(effect.track),
    fx.Bind: Host._bind,
    fx.Resume: Host._resume,
    fx.Pause: Host._pause,
    fx.TrackBegun: lambda host, effect: host.taps.begin_track(effect.track),
    fx.TrackMarked: lambda host, effect: host.taps.mark(effect.track, effect.enabled),
    fx.TrackOver: lambda host, effect: host.taps.end_track(effect.track),
    fx.Save: Host._save,
    fx.Gone: Host._gone,
}
