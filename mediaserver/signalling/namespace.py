"""The Socket.IO endpoint: authenticates connections, and passes each client event to its handler.

Every event is acknowledged, with `ok: true`, or with `ok: false` and an error that reveals no internals.
"""

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
"""Concurrent sign-ins, and joins, that read documents. Others wait: when hundreds of clients connect at once,
as after a restart, the store would be slow for each of them, and all would time out."""


class Signalling:
    """The endpoint. Attach it to the web application, pass `audience` to the rooms, and the rooms to `serve`."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._services: Services | None = None
        self._clients: dict[str, Client] = {}
        self._under_way: set[asyncio.Task[Answer]] = set()
        self._sign_ins, self._joins = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(_AT_ONCE)
        self.refused: Counter[str] = Counter()
        """Number of refused events by error code."""
        origins = Origins(ctx.settings.http)
        # Browsers send many packets in one polling request; the default allows 16.
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
        """Add the endpoint `/socket.io/` to the application."""
        self.audience.server.attach(app)

    def serve(self, rooms: Rooms) -> None:
        self._services = Services(self._ctx, rooms)

    async def run(self) -> None:
        """Exchange pushes with other nodes until canceled."""
        await self.audience.run()

    @property
    def connections(self) -> int:
        return len(self._clients)

    async def shutdown(self) -> None:
        """Notify all clients of the shutdown and close their connections."""
        await self.audience.shutdown()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    # --------------------------------------------------------------- connecting

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        try:
            token = auth.get("token") if isinstance(auth, dict) else None
            if not isinstance(token, str):
                raise Unauthenticated("unauthenticated", "Connect with auth: {token}.")
            # Only tokens with a valid signature are looked up: a forged one must not keep a connection.
            self._ctx.tokens.verify(token, self._ctx.clock())
            self.audience.claim(sid)
            async with self._sign_ins:
                actor = await identity.authenticate(self._ctx, token)
            self._check_budget(actor.user_id)
            if len(self._sockets_of(actor.user_id)) >= self._ctx.settings.http.max_connections_per_user:
                raise TooMany("too_many_connections", "You have too many connections. Close some of them.", 10.0)
        except Problem as problem:
            self.audience.refused(sid)
            raise Refused(problem.code, _error(problem)) from None
        if not self.audience.connected(sid, actor.user_id):
            raise Refused("gone")
        self._clients[sid] = Client(sid, actor)
        self.audience.attach(sid, USER + actor.user_id)

    def _check_budget(self, user_id: str) -> None:
        """Raise TooMany while the user's budget is used up: reconnecting must not reset it."""
        now = asyncio.get_running_loop().time()
        if wait_s := self.audience.server.connections.users.of(user_id, now).work.wait_s(now):
            raise TooMany("too_many", "You have sent too many requests. Connect again in a moment.", wait_s)

    async def _disconnect(self, sid: str, reason: str = "") -> None:
        client = self._clients.pop(sid, None)
        self.audience.disconnected(sid)
        if client is None:
            return
        client.gone = True  # a join in progress sees this
        if client.room_task is not None:
            client.room_task.connection_lost(sid)

    def _detached(self, socket: str, room: str) -> None:
        client = self._clients.get(socket)
        if client is None:
            return
        if client.room_task is not None and client.room_task.key == room:
            client.room_task = None
        if media := client.queues.get("media"):  # a negotiation in progress is no longer needed
            media.cancel()

    def _end_login(self, user_id: str, login_id: str | None, reason: str) -> None:
        """Notify the sockets of a login (or of all logins of the user) and close them."""
        for client in self._sockets_of(user_id):
            if login_id in (None, client.actor.login_id):
                if client.room_task is None:  # otherwise the room notifies it
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
        """Return the data of a push for one socket, with links signed for its login."""
        signed: dict[str, Any] = file_links.sign_links(self._ctx, self._clients[socket].actor, data)
        return signed

    # --------------------------------------------------------------- events

    async def _event(self, sid: str, name: str, arguments: list[Any]) -> Answer | asyncio.Task[Answer]:
        client = self._clients.get(sid)
        if client is None:
            return self._refusal(Unauthenticated("unauthenticated", "This connection is closed."))
        try:
            message = self._admit(client, name, arguments)
            if (queue := QUEUES.get(type(message))) is not None:
                return self._beside(client, queue, message)
        except Problem as problem:
            return self._refusal(problem)
        return await self._handle(client, message)

    def _admit(self, client: Client, name: str, arguments: list[Any]) -> ClientMessage:
        """Parse an event if the limits of connection, user and kind of event allow it. Raises: Problem."""
        connection = self.audience.connection(client.socket)
        if connection is None or connection.user is None:
            raise Unauthenticated("unauthenticated", "This connection is closed.")
        now = asyncio.get_running_loop().time()
        if wait_s := connection.wait_s(now):
            raise TooMany("too_many", "You are sending too many requests. Wait a moment.", wait_s)
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
        """Charge a client and its user for work whose cost becomes known only while it is done; see `costs`."""
        if (connection := self.audience.connection(client.socket)) is not None:
            self.audience.server.connections.charge(connection, cost)

    def _beside(self, client: Client, queue: QueueName, message: ClientMessage) -> asyncio.Task[Answer]:
        """Handle an event in a queue, unless the client has changed rooms by then."""
        host = client.joined_room()

        async def work() -> Answer:
            if client.room_task is not host:
                return self._refusal(Conflict("not_in_session", "You left the session before this was done."))
            return await self._handle(client, message)

        task = client.queues.setdefault(queue, CommandQueue()).put(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _handle(self, client: Client, message: ClientMessage) -> Answer:
        with log_context(**_ids(client, message)):
            try:
                if self._services is None:
                    raise Unavailable("starting", "The server is starting. Try again in a moment.")
                async with self._turn(message):
                    reply = await HANDLERS[type(message)](self._services, client, message)
            except Problem as problem:
                return self._refusal(problem)
            except TimeoutError:
                return self._refusal(Unavailable("busy", "This took too long. Try again."))
            except Exception:
                log.exception("a handler failed", extra={"event": message.event})
                error = {"code": "internal", "message": "Something went wrong on the server."}
                return Answer({"ok": False, "error": error})
        return Answer({"ok": True, **reply.data}, reply.then)

    def _turn(self, message: ClientMessage) -> contextlib.AbstractAsyncContextManager[None]:
        return self._joins if isinstance(message, SessionJoin) else contextlib.nullcontext()

    def _refusal(self, problem: Problem) -> Answer:
        self.refused[problem.code] += 1
        return Answer({"ok": False, "error": _error(problem)})


def _ids(client: Client, message: ClientMessage) -> dict[str, str]:
    """Return the ids for the log records of an event."""
    ids = {"user": client.actor.user_id}
    if isinstance(message, SessionJoin):
        return {**ids, "room": room_key(message.kind, message.session_id)}
    if client.room_task is not None:
        return {**ids, "room": client.room_task.key, "participant": client.participant}
    return ids


def parse_event(name: str, arguments: list[Any]) -> ClientMessage:
    """Return an event as its message. Raises: Invalid naming every bad field."""
    model = CLIENT_MESSAGES.get(name)
    if model is None:
        raise Invalid("unknown_event", f"There is no event {name[:_MAX_EVENT_NAME]!r}.")
    if len(arguments) != 1 or not isinstance(arguments[0], dict):
        raise Invalid("invalid", "The argument of an event must be one object.")
    try:
        return model.model_validate(arguments[0])
    except ValidationError as error:
        faults = [
            FieldError(".".join(map(str, one["loc"])), in_words(one)) for one in error.errors(include_url=False)
        ]
        raise Invalid("invalid", "Some fields are not valid.", faults[:50]) from None


def _error(problem: Problem) -> dict[str, Any]:
    """Return a problem in the form of acknowledgements."""
    error: dict[str, Any] = {"code": problem.code, "message": problem.detail}
    if problem.errors:
        error["errors"] = [{"loc": fault.loc, "msg": fault.msg} for fault in problem.errors]
    if isinstance(problem, TooMany):
        error["retryAfter"] = math.ceil(problem.retry_after_s * 10) / 10
    return error


def _network(proxies: TrustedProxies) -> Any:
    """Return a function that returns the key under which a request's address is counted."""

    def network(request: web.Request) -> str:
        forwarded_for = ",".join(request.headers.getall("X-Forwarded-For", ()))
        return client_network(proxies.client_address(request.remote, forwarded_for))

    return network


def _redis(ctx: Context) -> tuple[str, str] | None:
    """Return URL and channel for pushes between nodes; None without Redis."""
    settings = ctx.settings
    return (settings.redis.url, f"mediaserver:{settings.mongodb.database}:pushes") if settings.redis.url else None


def _origin_check(origins: Origins) -> Any:
    """Return engineio's check of requests that have an `Origin`."""

    def fits(origin: str | None, environ: dict[str, Any]) -> bool:
        request: web.Request = environ["aiohttp.request"]
        return origins.allows(origin, request.remote, request.scheme, request.headers)

    return fits
