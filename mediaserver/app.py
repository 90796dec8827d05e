"""The composition root: the only place that knows every part; starts them in order and ends them in reverse.

On SIGTERM clients are told, recordings and rooms closed, documents written; then the children end.
"""

import asyncio
import contextlib
import gc
import logging
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web
from prometheus_client import CollectorRegistry

from mediaserver.api import RESOURCES, Services, build_api, build_monitoring
from mediaserver.api.declarations.bodies import LARGEST_BODY
from mediaserver.api.operations import pages
from mediaserver.base.clock import utc_now
from mediaserver.base.errors import StartError, Unavailable
from mediaserver.base.net.tls import ServerTls, ensure_self_signed, machine_names
from mediaserver.base.processes.data_directory_lock import lock_data, node_name
from mediaserver.base.processes.descriptors import raise_limit
from mediaserver.base.processes.disk import DiskReserve
from mediaserver.base.processes.supervision import periodic, running
from mediaserver.base.secrets import Secrets
from mediaserver.base.settings.tree import Http, Monitoring, Settings
from mediaserver.base.signing import UrlSigner
from mediaserver.domain import registry as builtin
from mediaserver.gauges import Gauges
from mediaserver.http import connection
from mediaserver.http.server import WebServer
from mediaserver.loop_lag import LoopLag
from mediaserver.media.control.client import MediaWorkers, WorkerSettings
from mediaserver.media.net.addresses import announced
from mediaserver.media.net.certificate import ensure_certificate
from mediaserver.recording.capture.client import EgressRecorder, captures_dir
from mediaserver.recording.capture.ledger import Documents
from mediaserver.recording.jobs import Jobs
from mediaserver.recording.recover import recover
from mediaserver.rooms.registry import Rooms
from mediaserver.rooms.room_task import RoomDependencies
from mediaserver.signalling import socket_server
from mediaserver.signalling.namespace import Signalling
from mediaserver.store.bus import RedisBus
from mediaserver.store.counters import MemoryCounters, RedisCounters
from mediaserver.store.mail import Mail, open_mail
from mediaserver.store.migrations.migrator import Migrator
from mediaserver.store.mongo import Database
from mediaserver.store.objects import open_objects
from mediaserver.store.opening import opened
from mediaserver.store.repositories import Repositories
from mediaserver.usecases.accounts import unverified_accounts
from mediaserver.usecases.consequences import CONSEQUENCES
from mediaserver.usecases.context import Context
from mediaserver.usecases.event_relay import Relay
from mediaserver.usecases.events import Events
from mediaserver.usecases.login import revocations
from mediaserver.usecases.login.hashing_turns import HashingTurns
from mediaserver.usecases.login.passwords import Passwords
from mediaserver.usecases.login.tokens import AccessTokens
from mediaserver.usecases.notifications import announcements
from mediaserver.usecases.sessions import occupancy, participants
from mediaserver.usecases.social.relationships import RelationshipCache
from mediaserver.usecases.uploads.stored_metadata import strip_stored
from mediaserver.usecases.uploads.upload_expiry import clear_incoming, expire_unused
from mediaserver.usecases.writes import settling

log = logging.getLogger(__name__)

DOCUMENTS: Final = (*builtin.DOCUMENTS, *(r.document for r in RESOURCES if r.document not in builtin.DOCUMENTS))
_HOUSEKEEPING_S: Final = 300.0
_SETTLING_S: Final = 10.0
_LAST_MAIL_S: Final = 3.0
_LAST_EVENTS_S: Final = 2.0


async def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT; `announce` gets the URL once everything works. Raises `StartError`."""
    stop, starting = asyncio.Event(), asyncio.current_task()
    assert starting is not None

    def end() -> None:
        stop.set()
        if starting is not None:
            starting.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    descriptors = raise_limit()
    with lock_data(settings.data.dir):
        try:
            async with contextlib.AsyncExitStack() as stack:
                database = await stack.enter_async_context(_database(settings))
                passwords = stack.enter_context(contextlib.closing(Passwords(settings.auth)))
                context = await stack.enter_async_context(_context(settings, database, passwords))
                bus = await stack.enter_async_context(_bus(settings, context))
                url = await _start(settings, database, context, bus, passwords.turns, descriptors, stack)
                starting = None
                # What lives now lives to the end: the collector need not look at it again.
                gc.collect()
                gc.freeze()
                gc.set_threshold(50_000, 20, 20)
                announce(url)
                await stop.wait()
                log.info("shutting down")
        except asyncio.CancelledError:
            if not stop.is_set():
                raise
            log.info("ended while starting")


@contextlib.asynccontextmanager
async def documents(settings: Settings) -> AsyncIterator[Context]:
    """Documents, objects and keys: enough for the command line, beside a running server or without one."""
    with contextlib.closing(Passwords(settings.auth)) as passwords:
        async with (
            _database(settings) as database,
            _context(settings, database, passwords) as context,
            _bus(settings, context),
        ):
            yield context


@contextlib.asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    """The database, migrated and with its indexes."""
    async with opened(settings) as database:
        await migrator(database, settings).run()
        await database.ensure_indexes(DOCUMENTS)
        yield database


def migrator(database: Database, settings: Settings) -> Migrator:
    """Migrates the database; waiting servers log this one by its machine and directory."""
    return Migrator(database, DOCUMENTS, f"{socket.gethostname()}:{settings.data.dir.resolve()}")


@contextlib.asynccontextmanager
async def _context(settings: Settings, database: Database, passwords: Passwords) -> AsyncIterator[Context]:
    secrets = Secrets.load(settings.data.dir)
    async with contextlib.AsyncExitStack() as stack:
        objects = await open_objects(settings.objects, settings.data.dir)
        stack.push_async_callback(objects.close)
        counters = RedisCounters(settings.redis.url) if settings.redis.url else MemoryCounters()
        if isinstance(counters, RedisCounters):
            stack.push_async_callback(counters.close)
        events, tokens = Events(), AccessTokens(secrets.jwt_key, settings.auth.access_ttl_s)
        tokens.heed(events)
        mail = await stack.enter_async_context(_mail(settings))
        repositories = Repositories(database, DOCUMENTS)
        yield Context(
            repositories=repositories,
            counters=counters,
            objects=objects,
            events=events,
            clock=utc_now,
            settings=settings,
            secrets=secrets,
            signer=UrlSigner(secrets.url_key, settings.http.public_url),
            tokens=tokens,
            passwords=passwords,
            consequences=CONSEQUENCES,
            relationships=RelationshipCache(repositories, events),
            mail=mail,
            disk=DiskReserve(settings.data.dir, settings.data.reserve_bytes),
            node=node_name(settings.data.dir),
        )


@contextlib.asynccontextmanager
async def _bus(settings: Settings, context: Context) -> AsyncIterator[RedisBus | None]:
    """Joins the events of this process and of the other nodes, where there may be any; the last ones get out."""
    if not settings.redis.url:
        yield None
        return
    relay = Relay(context.events)
    bus = RedisBus(
        settings.redis.url, f"mediaserver:{settings.mongodb.database}:events", relay.received, relay.interrupted
    )
    relay.connect(bus.send)
    async with running("bus", bus.run):
        yield bus
        await bus.drain(_LAST_EVENTS_S)


async def _start(
    settings: Settings,
    database: Database,
    context: Context,
    bus: RedisBus | None,
    hashing: HashingTurns,
    descriptors: int,
    stack: contextlib.AsyncExitStack,
) -> str:
    """Everything above the documents, in order; `stack` ends it in reverse. Answers the URL."""
    await participants.close_stays(context, utc_now())
    await clear_incoming(context, utc_now())  # the files of a killed server's uploads take up disk
    workers = _media_workers(settings)
    await stack.enter_async_context(running("media workers", workers.run))
    ledger = Documents(context)
    jobs = Jobs(captures_dir(settings), settings.recording, context.objects, ledger)
    await recover(captures_dir(settings), ledger)
    recorder = EgressRecorder(
        settings,
        lambda _: jobs.wake(),
        lambda recording, reason, why: rooms.recording_lost(recording, reason, why),
        lambda recording, in_s: rooms.recording_warned(recording, in_s),
    )
    context.disk.hold = lambda: recorder.short_of_disk
    await stack.enter_async_context(running("composing", jobs.run))
    await stack.enter_async_context(running("egress", recorder.run))
    socket_server.self_test()
    connection.self_test()
    signalling = Signalling(context)
    addresses = announced(settings.media.announced_ips, settings.media.ip)
    rooms = Rooms(RoomDependencies(context, signalling.audience, workers, recorder, addresses))
    signalling.serve(rooms)
    await stack.enter_async_context(running("pushes", signalling.run))
    await stack.enter_async_context(running("rooms", rooms.run))
    await stack.enter_async_context(running("occupancy", lambda: _occupancy(context, rooms)))
    await stack.enter_async_context(running("revocations", revocations.Watch(context).run))
    await stack.enter_async_context(running("housekeeping", lambda: _housekeeping(context)))
    await stack.enter_async_context(running("metadata", lambda: _metadata(context)))
    await stack.enter_async_context(running("settling", lambda: _settling(context)))
    await stack.enter_async_context(running("announcing", lambda: announcements.run(context)))

    app = web.Application(client_max_size=LARGEST_BODY)
    tls = _tls(settings)
    server = WebServer(app, settings.http, descriptors, tls.context if tls else None)
    metrics = CollectorRegistry()
    gauges = Gauges(rooms, signalling, workers, server.guard, hashing, bus)
    metrics.register(gauges)
    await stack.enter_async_context(running("loop lag", LoopLag(metrics).run))
    await stack.enter_async_context(running("memory", server.run))
    await stack.enter_async_context(running("gauges", gauges.run))
    signalling.attach(app)
    readiness = _readiness(database, context, bus, signalling, workers, recorder)
    services = Services(context, rooms, readiness, metrics)
    await stack.enter_async_context(running("file transfers", services.transfers.run))
    build_api(app, services)
    pages.setup(app, settings)
    await workers.ready()
    await recorder.ready()
    await _monitor(settings.monitoring, services, stack)
    url = await _listen(settings.http, server, tls, stack)
    stack.push_async_callback(rooms.shutdown)
    stack.push_async_callback(signalling.shutdown)
    return url


def _media_workers(settings: Settings) -> MediaWorkers:
    certificate = settings.data.dir / "secrets" / "dtls.pem"
    ensure_certificate(certificate)
    return MediaWorkers(
        settings.media.workers,
        WorkerSettings(
            ip=settings.media.ip,
            certificate=certificate,
            port=settings.media.port,
            gso=settings.media.gso,
            max_bitrate_bps=settings.media.max_bitrate_bps,
            max_audio_bitrate_bps=settings.media.max_audio_bitrate_bps,
            max_audio_packets_per_s=settings.media.max_audio_packets_per_s,
            excess_s=settings.media.excess_s,
            log_level=settings.log.level,
            log_format=settings.log.format,
        ),
    )


async def _monitor(monitoring: Monitoring, services: Services, stack: contextlib.AsyncExitStack) -> None:
    """Start the separate listener for operators, if one is configured."""
    if not monitoring.port:
        return
    app = web.Application()
    build_monitoring(app, services)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, monitoring.host, monitoring.port).start()
    except OSError as error:
        said = f"monitoring.host {monitoring.host}, monitoring.port {monitoring.port}: {error.strerror}"
        raise StartError(said) from error


async def _listen(http: Http, server: WebServer, tls: ServerTls | None, stack: contextlib.AsyncExitStack) -> str:
    stack.push_async_callback(server.close)
    try:
        port = await server.open()
    except OSError as error:
        raise StartError(f"http.host {http.host}, http.port {http.port}: {error.strerror}") from error
    if tls:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, tls.reload)
    host = "127.0.0.1" if http.host in ("0.0.0.0", "::", "") else http.host
    return http.public_url or f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _tls(settings: Settings) -> ServerTls | None:
    if settings.tls.cert and settings.tls.key:
        return ServerTls(settings.tls.cert, settings.tls.key)
    if settings.tls.self_signed:
        public = urlsplit(settings.http.public_url).hostname
        names = {*machine_names(), *settings.media.announced_ips, *([public] if public else [])}
        return ServerTls(*ensure_self_signed(settings.data.dir, sorted(names)))
    return None


def _readiness(
    database: Database,
    context: Context,
    bus: RedisBus | None,
    signalling: Signalling,
    workers: MediaWorkers,
    recorder: EgressRecorder,
) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
    async def media() -> None:
        if not all(worker.alive for worker in workers.workers):
            raise Unavailable("media_unavailable", "a media worker is down")

    async def egress() -> None:
        if not recorder.alive:
            raise Unavailable("egress_unavailable", "the egress process is down")

    async def disk() -> None:
        free = shutil.disk_usage(context.settings.data.dir).free
        if free < context.settings.recording.min_free_bytes:
            raise Unavailable("disk_full", f"the data directory has only {free >> 20} MiB left")

    async def counters() -> None:
        await context.counters.peek("readyz", 1, 1.0)

    async def joined() -> None:
        for channel in (bus, signalling.audience.pushes):
            if channel is not None:
                await channel.check()

    return {
        "documents": database.ping,
        "objects": context.objects.check,
        "counters": counters,
        **({"bus": joined} if bus else {}),
        "disk": disk,
        "media": media,
        "egress": egress,
    }


async def _housekeeping(context: Context) -> None:
    async def expire() -> None:
        await unverified_accounts.expire(context, utc_now())
        await expire_unused(context, utc_now())

    await periodic("housekeeping", expire, _HOUSEKEEPING_S)


async def _metadata(context: Context) -> None:
    """Take metadata out of files that were uploaded before that was done at once."""
    await periodic("taking metadata out of files", lambda: strip_stored(context), _HOUSEKEEPING_S)


async def _settling(context: Context) -> None:
    """Finish what a killed server or a lost store left unfinished."""
    await periodic("settling", lambda: settling.resume(context), _SETTLING_S)


async def _occupancy(context: Context, rooms: Rooms) -> None:
    """Keep account of which sessions have people in them, and end those that have not."""
    step = occupancy.Occupancy(context, rooms.occupied).step
    await periodic("occupancy", step, occupancy.interval_s(context.settings.rooms))


@contextlib.asynccontextmanager
async def _mail(settings: Settings) -> AsyncIterator[Mail]:
    """Letters are carried while this is open, and those under way for a moment after."""
    mail = open_mail(settings.mail, settings.data.dir)
    async with running("mail", mail.run):
        try:
            yield mail
            await mail.drain(_LAST_MAIL_S)
        finally:
            mail.close()
