"""The Socket.IO endpoint: who may connect, and each client event to its handler and back as an acknowledgement.

Every event is acknowledged, with `ok: true` or with `ok: false` and why; nothing internal gets out."""

import asyncio
import contextlib
import logging
import math
from collections import Counter
from typing import Any

import engineio.payload
from aiohttp import web
from pydantic import ValidationError
from socketio.exceptions import ConnectionRefusedError as Refused

from mediaserver.base.errors import Conflict, FieldError, Invalid, Problem, TooMany, Unauthenticated, Unavailable
from mediaserver.base.faults import in_words
from mediaserver.base.logs import log_context
from mediaserver.base.net.networks import client_network
from mediaserver.base.net.proxies import TrustedProxies
from mediaserver.base.origins import Origins
from mediaserver.rooms.registry import Rooms
from mediaserver.rooms.room_task import room_key
from mediaserver.signalling import costs
from mediaserver.signalling.command_queues import QUEUES, CommandQueue, QueueName
from mediaserver.signalling.engine import MAX_PACKETS_PER_REQUEST
from mediaserver.signalling.fanout import Fanout
from mediaserver.signalling.handlers import HANDLERS, Client, Services
from mediaserver.signalling.messages import (
    CLIENT_MESSAGES,
    MAX_MESSAGE_BYTES,
    SERVER_EVENTS,
    ClientMessage,
    SessionJoin,
)
from mediaserver.signalling.pushes import PERSONAL, USER
from mediaserver.signalling.socket_server import Answer
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.accounts.email_verification import require_verified
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import LoginRevoked, Pushed, RoleChanged, UserDeactivated
from mediaserver.usecases.uploads import file_links

log = logging.getLogger(__name__)

_LAST_WORDS_S = 0.2
_MAX_EVENT_NAME = 64
_AT_ONCE = 32
"""Sign-ins, and joins, that read documents at the same time. More wait for their turn: when hundreds of people
come at once, as after a restart, the store is slow for each of them, and they would all run into its timeout."""


class Signalling:
    """Attach it to the web application, then give `audience` to the rooms and the rooms to `serve`."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._services: Services | None = None
        self._clients: dict[str, Client] = {}
        self._under_way: set[asyncio.Task[Answer]] = set()
        self._sign_ins, self._joins = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(_AT_ONCE)
        self.refused: Counter[str] = Counter()
        """Events that were refused, by code."""
        origins = Origins(ctx.settings.http)
        # Browsers flush many packets in one polling request; the default allows 16.
        engineio.payload.Payload.max_decode_packets = MAX_PACKETS_PER_REQUEST
        self.audience = Fanout(
            self._event, self._detached, _network(TrustedProxies(ctx.settings.http.trusted_proxies)),
            ctx.settings.signalling, cors_allowed_origins=_origin_check(origins),
            max_http_buffer_size=MAX_MESSAGE_BYTES, http_compression=False,
            ping_interval=10, ping_timeout=10, redis=_redis(ctx), personalise=self._personalise,
        )  # fmt: skip
        self.audience.server.on("connect", self._connect)
        self.audience.server.on("disconnect", self._disconnect)
        ctx.events.subscribe(LoginRevoked, lambda e: self._end_login(e.user_id, e.login_id, "login_revoked"))
        ctx.events.subscribe(RoleChanged, self._role_changed)
        ctx.events.subscribe(UserDeactivated, lambda e: self._end_login(e.user_id, None, "deactivated"))
        ctx.events.subscribe(Pushed, self._push)

    def attach(self, app: web.Application) -> None:
        """Serve `/socket.io/`."""
        self.audience.server.attach(app)

    def serve(self, rooms: Rooms) -> None:
        self._services = Services(self._ctx, rooms)

    async def run(self) -> None:
        """Exchange what is pushed to people with other nodes, until cancelled."""
        await self.audience.run()

    @property
    def connections(self) -> int:
        return len(self._clients)

    async def shutdown(self) -> None:
        """Tell all clients and close their connections."""
        await self.audience.shutdown()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    # --------------------------------------------------------------- connecting

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        try:
            token = auth.get("token") if isinstance(auth, dict) else None
            if not isinstance(token, str):
                raise Unauthenticated("unauthenticated", "connect with auth: {token}")
            # A forged token must not keep a connection: only those that we have signed are looked up.
            self._ctx.tokens.verify(token, self._ctx.clock())
            self.audience.claim(sid)
            async with self._sign_ins:
                actor = await identity.authenticate(self._ctx, token)
            self._check_budget(actor.user_id)
            if len(self._sockets_of(actor.user_id)) >= self._ctx.settings.http.max_connections_per_user:
                raise TooMany("too_many_connections", "too many connections of one person", 10.0)
        except Problem as problem:
            self.audience.refused(sid)
            raise Refused(problem.code, _error(problem)) from None
        if not self.audience.connected(sid, actor.user_id):
            raise Refused("gone")
        self._clients[sid] = Client(sid, actor)
        self.audience.attach(sid, USER + actor.user_id)

    def _check_budget(self, user_id: str) -> None:
        """Connecting again does not make good what the user's other connections have used. TooMany."""
        now = asyncio.get_running_loop().time()
        if wait_s := self.audience.server.connections.users.of(user_id, now).work.wait_s(now):
            raise TooMany("too_many", "you sent too much; connect again in a moment", wait_s)

    async def _disconnect(self, sid: str, reason: str = "") -> None:
        client = self._clients.pop(sid, None)
        self.audience.disconnected(sid)
        if client is None:
            return
        client.gone = True  # a join under way sees this
        if client.room_task is not None:
            client.room_task.connection_lost(sid)

    def _detached(self, socket: str, room: str) -> None:
        client = self._clients.get(socket)
        if client is None:
            return
        if client.room_task is not None and client.room_task.key == room:
            client.room_task = None
        if media := client.queues.get("media"):  # a negotiation under way is of no use any more
            media.cancel()

    def _end_login(self, user_id: str, login_id: str | None, reason: str) -> None:
        """Tell the sockets of a login (or of all logins) that they are out, then close them."""
        for client in self._sockets_of(user_id):
            if login_id in (None, client.actor.login_id):
                if client.room_task is None:  # else its room tells it
                    self.audience.send(client.socket, "session.replaced", {"reason": reason})
                asyncio.get_running_loop().call_later(_LAST_WORDS_S, self.audience.close, client.socket)

    def _role_changed(self, event: RoleChanged) -> None:
        for client in self._sockets_of(event.user_id):
            client.actor = event.applied_to(client.actor)

    def _sockets_of(self, user_id: str) -> list[Client]:
        return [self._clients[socket] for socket in self.audience.sockets(USER + user_id)]

    def _push(self, event: Pushed) -> None:
        if event.name not in SERVER_EVENTS:
            raise ValueError(f"{event.name} is not an event of the protocol")
        room = PERSONAL if event.unsigned_links else USER
        self.audience.push([room + user_id for user_id in dict.fromkeys(event.user_ids)], event.name, event.data)

    def _personalise(self, socket: str, data: dict[str, Any]) -> dict[str, Any]:
        """What one socket gets of a push with links: they are signed for its login."""
        signed: dict[str, Any] = file_links.sign_links(self._ctx, self._clients[socket].actor, data)
        return signed

    # --------------------------------------------------------------- events

    async def _event(self, sid: str, name: str, arguments: list[Any]) -> Answer | asyncio.Task[Answer]:
        client = self._clients.get(sid)
        if client is None:
            return self._refusal(Unauthenticated("unauthenticated", "this connection is over"))
        try:
            message = self._admit(client, name, arguments)
            if (queue := QUEUES.get(type(message))) is not None:
                return self._beside(client, queue, message)
        except Problem as problem:
            return self._refusal(problem)
        return await self._handle(client, message)

    def _admit(self, client: Client, name: str, arguments: list[Any]) -> ClientMessage:
        """Parse an event if its connection, its user and the limit of its kind allow it. Raises Problem."""
        connection = self.audience.connection(client.socket)
        if connection is None or connection.user is None:
            raise Unauthenticated("unauthenticated", "this connection is over")
        now = asyncio.get_running_loop().time()
        if wait_s := connection.wait_s(now):
            raise TooMany("too_many", "too many events; wait a moment", wait_s)
        require_verified(client.actor)  # every event writes to others, or enters a session
        try:
            message = parse_event(name, arguments)
        except Invalid:
            self.charge(client, costs.INVALID)
            raise
        if (limit := costs.LIMITS.get(type(message))) is not None:
            bucket, detail = limit.bucket(connection.user), limit.detail
            if not bucket.take(1, now):
                raise TooMany("too_many", detail, bucket.wait_s(1, now))
        self.charge(client, costs.EVENTS[type(message)])
        return message

    def charge(self, client: Client, cost: float) -> None:
        """Charge a client and its user for work whose cost is known only while it is done; see `costs`."""
        if (connection := self.audience.connection(client.socket)) is not None:
            self.audience.server.connections.charge(connection, cost)

    def _beside(self, client: Client, queue: QueueName, message: ClientMessage) -> asyncio.Task[Answer]:
        """Do it after what is in the queue, if the client is still where it was when it asked."""
        host = client.place()

        async def work() -> Answer:
            if client.room_task is not host:
                return self._refusal(Conflict("not_in_session", "you left the session before this was done"))
            return await self._handle(client, message)

        task = client.queues.setdefault(queue, CommandQueue()).put(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _handle(self, client: Client, message: ClientMessage) -> Answer:
        with log_context(**_ids(client, message)):
            try:
                if self._services is None:
                    raise Unavailable("starting", "the server is starting")
                async with self._turn(message):
                    reply = await HANDLERS[type(message)](self._services, client, message)
            except Problem as problem:
                return self._refusal(problem)
            except TimeoutError:
                return self._refusal(Unavailable("busy", "this took too long; try again"))
            except Exception:
                log.exception("a handler failed", extra={"event": message.event})
                error = {"code": "internal", "message": "something went wrong here"}
                return Answer({"ok": False, "error": error})
        return Answer({"ok": True, **reply.data}, reply.then)

    def _turn(self, message: ClientMessage) -> contextlib.AbstractAsyncContextManager[None]:
        return self._joins if isinstance(message, SessionJoin) else contextlib.nullcontext()

    def _refusal(self, problem: Problem) -> Answer:
        self.refused[problem.code] += 1
        return Answer({"ok": False, "error": _error(problem)})


def _ids(client: Client, message: ClientMessage) -> dict[str, str]:
    """What the records of an event are about."""
    ids = {"user": client.actor.user_id}
    if isinstance(message, SessionJoin):
        return {**ids, "room": room_key(message.kind, message.session_id)}
    if client.room_task is not None:
        return {**ids, "room": client.room_task.key, "participant": client.participant}
    return ids


def parse_event(name: str, arguments: list[Any]) -> ClientMessage:
    """An event's name and arguments as its message. Invalid names every bad field."""
    model = CLIENT_MESSAGES.get(name)
    if model is None:
        raise Invalid("unknown_event", f"there is no event {name[:_MAX_EVENT_NAME]!r}")
    if len(arguments) != 1 or not isinstance(arguments[0], dict):
        raise Invalid("invalid", "an event takes one object")
    try:
        return model.model_validate(arguments[0])
    except ValidationError as error:
        faults = [
            FieldError(".".join(map(str, one["loc"])), in_words(one)) for one in error.errors(include_url=False)
        ]
        raise Invalid("invalid", "some fields are wrong", faults[:50]) from None


def _error(problem: Problem) -> dict[str, Any]:
    """How a refusal looks to a client."""
    error: dict[str, Any] = {"code": problem.code, "message": problem.detail}
    if problem.errors:
        error["errors"] = [{"loc": fault.loc, "msg": fault.msg} for fault in problem.errors]
    if isinstance(problem, TooMany):
        error["retryAfter"] = math.ceil(problem.retry_after_s * 10) / 10
    return error


def _network(proxies: TrustedProxies) -> Any:
    """Under which key a request's address is counted."""

    def network(request: web.Request) -> str:
        forwarded_for = ",".join(request.headers.getall("X-Forwarded-For", ()))
        return client_network(proxies.client_address(request.remote, forwarded_for))

    return network


def _redis(ctx: Context) -> tuple[str, str] | None:
    """Where pushes go between nodes."""
    settings = ctx.settings
    return (settings.redis.url, f"mediaserver:{settings.mongodb.database}:pushes") if settings.redis.url else None


def _origin_check(origins: Origins) -> Any:
    """engineio's question, for requests that name an origin."""

    def fits(origin: str | None, environ: dict[str, Any]) -> bool:
        request: web.Request = environ["aiohttp.request"]
        return origins.allows(origin, request.remote, request.scheme, request.headers)

    return fits
