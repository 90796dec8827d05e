"""`mediaserver doctor`: is everything here that the server with these settings needs? One finding a matter.

It changes nothing: no directory, key or certificate is made, what is opened is closed again.
"""

import base64
import ipaddress
import os
import resource
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import av
from cryptography import x509

from mediaserver.base.clock import utc_now
from mediaserver.base.errors import Problem, StartError
from mediaserver.base.net.tls import ServerTls
from mediaserver.base.processes.data_directory_lock import lock_data
from mediaserver.base.secrets import is_open_to_others
from mediaserver.base.settings.tree import Settings
from mediaserver.domain.accounts.usernames import ReservedNames
from mediaserver.domain.accounts.users import User
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.media.net import srtp
from mediaserver.media.net.addresses import announced
from mediaserver.media.net.port import Port
from mediaserver.store.counters import RedisCounters
from mediaserver.store.embedded_server import is_running
from mediaserver.store.mail.smtp import SmtpMail
from mediaserver.store.migrations.migrator import Migrator
from mediaserver.store.mongo import EMBEDDED, Database
from mediaserver.store.objects import open_objects
from mediaserver.store.opening import opened
from mediaserver.store.reader import Reader
from mediaserver.usecases.uploads.media_probe import probe_picture
from mediaserver.usecases.uploads.stored_metadata import FROM_BEFORE, STUCK

Level = Literal["ok", "note", "problem"]

_CODECS: Final = {"libx264": "w", "aac": "w", "libopus": "r", "vp8": "r", "h264": "r"}
"""What composing a recording needs of PyAV: encoders (w) and decoders (r)."""
_PICTURE: Final = "R0lGODlhAQABAIAAAP8AAAAAACwAAAAAAQABAAACAkQBADs="
"""A GIF of one red pixel."""
_RECEIVE_BUFFER: Final = 1 << 20
"""About 0.1 s of 80 Mbit/s: what comes while the worker is busy must not be lost."""
_FILES: Final = 4096
_CERTIFICATE_DAYS: Final = 14
_LISTED: Final = 50
"""Usernames in a finding at most."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`advice` says what to do; a note is about something that works, but perhaps not as one wants."""

    level: Level
    matter: str
    detail: str
    advice: str = ""

    def line(self) -> str:
        return f"{self.level:<8}{self.matter}: {self.detail}" + (f" → {self.advice}" if self.advice else "")


Findings = list[Finding]


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """All findings, in the order of the server's start."""
    running = _server_runs(settings)
    for check in _CHECKS:
        for finding in check(settings):
            yield finding
    for finding in await _ports(settings, running):
        yield finding
    yield await _pictures(settings)
    documents = await _documents(settings)
    yield documents
    if documents.level == "ok":
        for finding in await _stored(settings):
            yield finding
    for ask in (_objects, _redis, _mail):
        yield await ask(settings)


def _server_runs(settings: Settings) -> bool:
    """Whether a server holds the data directory: then the ports are its own."""
    if not (settings.data.dir / "lock").exists():
        return False
    try:
        lock_data(settings.data.dir).close()
    except StartError as error:
        return "another server" in str(error)
    return False


# ------------------------------------------------------------------------------------------ this machine


def _settings(settings: Settings) -> Findings:
    if settings.auth.email_domains and not settings.auth.require_verified_email:
        said = "auth.email_domains keeps nobody out: without a mailed link, anyone may claim an address there"
        return [Finding("note", "settings", said, "set auth.require_verified_email and mail.backend smtp")]
    return [Finding("ok", "settings", "read and understood; `mediaserver settings` lists them")]


def _data(settings: Settings) -> Findings:
    directory = settings.data.dir.absolute()
    there = next(path for path in (directory, *directory.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        advice = f"give {there} to user {os.getuid()}, or set data.dir elsewhere"
        return [Finding("problem", "data", f"{there} cannot be written: {error.strerror}", advice)]
    found: Findings = []
    if there == directory and is_open_to_others(directory):
        detail = f"{directory} can be read by others (mode {directory.stat().st_mode & 0o7777:04o})"
        found = [Finding("note", "data", detail, f"chmod 700 {directory}")]
    free = shutil.disk_usage(there).free
    said = f"{directory} {'is writable' if there == directory else 'can be made'}, {free / 1e9:.1f} GB free"
    if free < settings.recording.min_free_bytes:
        advice = "recordings do not start: make room (recording.min_free_bytes)"
        return [*found, Finding("problem", "data", said, advice)]
    return [*found, Finding("ok", "data", said)]


def _codecs(settings: Settings) -> Findings:
    missing = [name for name, mode in _CODECS.items() if not _has_codec(name, mode)]
    if missing:
        advice = "install the wheel of PyAV (pip install --only-binary=av av)"
        return [Finding("problem", "codecs", f"PyAV lacks {', '.join(missing)}", advice)]
    return [Finding("ok", "codecs", f"PyAV {av.__version__} has {', '.join(_CODECS)}")]


def _has_codec(name: str, mode: str) -> bool:
    try:
        codec = av.Codec(name, mode)
    except (ValueError, av.FFmpegError):
        return False
    return bool(codec.is_encoder if mode == "w" else codec.is_decoder)


async def _pictures(settings: Settings) -> Finding:
    """Where this fails every uploaded picture would be a plain file."""
    with tempfile.TemporaryDirectory() as directory:
        picture = Path(directory, "picture")
        picture.write_bytes(base64.b64decode(_PICTURE))
        seen = await probe_picture(picture, "image/gif", Path(directory, "thumbnail"), "doctor")
    if seen is None or seen.thumbnail is None:
        advice = "install the wheel of Pillow (pip install --only-binary=pillow pillow)"
        return Finding("problem", "pictures", "no thumbnail of an uploaded picture can be made", advice)
    return Finding("ok", "pictures", "uploaded pictures get thumbnails")


def _srtp(settings: Settings) -> Findings:
    try:
        srtp.self_test()
    except StartError as error:
        return [Finding("problem", "SRTP", str(error), "install the versions that pyproject.toml names")]
    return [Finding("ok", "SRTP", "encrypts and decrypts with both profiles")]


def _limits(settings: Settings) -> Findings:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        granted = udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # Linux says the double
    said = f"UDP sockets get {granted >> 10} KiB"
    advice = "for many participants: sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304"
    small = granted < _RECEIVE_BUFFER
    found = [Finding("note", "buffers", said, advice) if small else Finding("ok", "buffers", said)]
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files < _FILES:
        found.append(Finding("note", "open files", f"at most {files}", "for many people: ulimit -n 65536"))
    return found


def _tls(settings: Settings) -> Findings:
    if settings.tls.cert and settings.tls.key:
        return [_certificate(settings.tls.cert, settings.tls.key)]
    if settings.tls.self_signed:
        return [Finding("ok", "TLS", "a certificate of our own; browsers ask once whether to trust it")]
    if settings.http.public_url.startswith("https://"):
        return [Finding("ok", "TLS", f"ends before us: people open {settings.http.public_url}")]
    if _is_loopback(settings.http.host):
        return [Finding("ok", "TLS", "not needed on this machine alone: browsers trust localhost")]
    detail = f"pages on http://{settings.http.host} get no camera and no microphone in browsers"
    advice = "use --tls self-signed, tls.cert and tls.key, or a proxy with HTTPS and http.public_url"
    return [Finding("problem", "TLS", detail, advice)]


def _certificate(cert: Path, key: Path) -> Finding:
    try:
        ServerTls(cert, key)
        until = x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc
    except (StartError, OSError, ValueError) as error:
        return Finding("problem", "TLS", str(error), "see tls.cert and tls.key")
    days = (until - datetime.now(UTC)).days
    said = f"{cert} is valid until {until:%Y-%m-%d}"
    if days < 0:
        return Finding("problem", "TLS", f"{cert} has expired on {until:%Y-%m-%d}", "renew it, then send SIGHUP")
    return (
        Finding("note", "TLS", said, "renew it soon") if days < _CERTIFICATE_DAYS else Finding("ok", "TLS", said)
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _addresses(settings: Settings) -> Findings:
    found = announced(settings.media.announced_ips, settings.media.ip)
    said = f"clients are told {', '.join(found) or 'none'}"
    addresses = [ipaddress.ip_address(one) for one in found]
    if all(address.is_loopback for address in addresses):
        level: Level = "ok" if _is_loopback(settings.http.host) else "problem"
        advice = "" if level == "ok" else "set media.announced_ips to the address at which clients reach us"
        return [Finding(level, "media addresses", f"{said}: this machine only", advice)]
    if settings.http.public_url and not any(address.is_global for address in addresses):
        advice = "right in a local network; for others set media.announced_ips to the public address"
        return [Finding("note", "media addresses", f"{said}: private ones only", advice)]
    return [Finding("ok", "media addresses", said)]


_CHECKS: Sequence[Callable[[Settings], Findings]] = (
    _settings, _data, _codecs, _srtp, _limits, _tls, _addresses,
)  # fmt: skip


# ------------------------------------------------------------------------------------------ ports


async def _ports(settings: Settings, running: bool) -> Findings:
    if running:
        said = f"a server is running on {settings.data.dir}; its ports are its own"
        return [Finding("ok", "ports", said)]
    return [_http_port(settings), *(_udp_port(settings, index) for index in range(settings.media.workers))]


def _http_port(settings: Settings) -> Finding:
    host, port = settings.http.host, settings.http.port
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as tcp:
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    tcp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                tcp.bind(address)
                tcp.listen()
    except OSError as error:
        detail = f"port {port} of {host} cannot be opened: {error.strerror}"
        return Finding("problem", "HTTP", detail, "end what uses it, or choose http.host and http.port")
    return Finding("ok", "HTTP", f"port {port or '(any)'} of {host} is free")


def _udp_port(settings: Settings, index: int) -> Finding:
    media = settings.media
    number = media.port + index if media.port else 0
    matter = f"media worker {index}"
    try:
        port = Port(media.ip, number, {}, lambda data, address: [], lambda: None, media.gso)
    except (StartError, OSError, OverflowError) as error:
        return Finding("problem", matter, str(error), "end what uses it, or choose media.ip and media.port")
    gso, opened = port.gso, port.port
    port.close()
    said = f"UDP port {opened if number else '(any)'} of {media.ip} is free"
    if media.gso and not gso:
        return Finding("note", matter, f"{said}, but the kernel cannot segment UDP", "sending costs more CPU")
    return Finding("ok", matter, f"{said}, {'with' if gso else 'without'} segmentation offload")


# ------------------------------------------------------------------------------------------ what is beside


async def _answer(matter: str, where: str, advice: str, asking: Awaitable[None]) -> Finding:
    try:
        await asking
    except (StartError, Problem, OSError, ValueError) as error:
        return Finding("problem", matter, f"{where}: {error}" if where else str(error), advice)
    return Finding("ok", matter, f"{where or 'the database'} answers")


async def _documents(settings: Settings) -> Finding:
    directory = settings.data.dir / "documents"
    if settings.mongodb.uri == EMBEDDED and not await is_running(directory):
        return Finding("ok", "documents", f"the embedded document server, started with the server in {directory}")

    async def ask() -> None:
        mongodb = settings.mongodb
        database = await Database.open(mongodb.uri, mongodb.database, directory, mongodb.timeout_s)
        await database.close()

    where = "the embedded document server" if settings.mongodb.uri == EMBEDDED else ""
    return await _answer("documents", where, "see mongodb.uri", ask())


async def _stored(settings: Settings) -> Findings:
    """What the next start would change, what migrations have to say, and what stored data needs attention."""
    file = settings.data.dir / "documents" / "documents.sqlite"
    if settings.mongodb.uri == EMBEDDED and not file.exists():
        return [Finding("ok", "migrations", "none are pending: the database is new")]
    try:
        async with opened(settings) as database:
            return [
                *await _migrations(database),
                *await _reserved_names(database, settings),
                *await _metadata(database),
            ]
    except (StartError, Problem) as error:
        return [Finding("problem", "migrations", str(error))]


async def _migrations(database: Database) -> Findings:
    migrator = Migrator(database, DOCUMENTS)
    pending = [one for one in await migrator.status() if one.pending or one.finished_at is None]
    advice = "back up, then start the server or run `mediaserver migrate`"
    found = [Finding("note", "migrations", one.line(), advice) for one in pending]
    found += [Finding("note", migration.name, sentence) for migration, sentence in await migrator.reports()]
    return found or [Finding("ok", "migrations", "none are pending")]


async def _reserved_names(database: Database, settings: Settings) -> Findings:
    """Accounts from before a name was reserved. The command line gives such names to admins on purpose."""
    reserved = ReservedNames(settings.auth.reserved_usernames)
    names = await Reader(database, User).values({"role": {"$ne": "admin"}}, "username")
    held = sorted(name for name in names if name in reserved)
    if not held:
        return []
    listed = ", ".join(f"{name!a}" for name in held[:_LISTED]) + (" and more" if len(held) > _LISTED else "")
    said = f"reserved usernames stay valid for accounts that are not admins ({len(held):,}): {listed}"
    return [Finding("note", "reserved usernames", said, "make sure that you know these people")]


async def _metadata(database: Database) -> Findings:
    uploads = Reader(database, Upload)
    waiting, stuck = await uploads.count(FROM_BEFORE), await uploads.count(STUCK)
    found: Findings = []
    if waiting:
        said = f"files from before their metadata was removed: {waiting:,}"
        advice = "the server cleans them; `mediaserver strip-metadata` does it at once"
        found.append(Finding("note", "metadata", said, advice))
    if stuck:
        said = f"files whose metadata cannot be removed, for their owners only: {stuck:,}"
        found.append(Finding("note", "metadata", said, "`mediaserver strip-metadata` tries again"))
    return found or [Finding("ok", "metadata", "all stored files are without metadata")]


async def _objects(settings: Settings) -> Finding:
    if settings.objects.backend == "local":
        return Finding("ok", "objects", f"files under {settings.data.dir / 'objects'}")

    async def ask() -> None:
        store = await open_objects(settings.objects, settings.data.dir)
        await store.close()

    return await _answer("objects", f"bucket {settings.objects.bucket}", "see the section [objects]", ask())


async def _redis(settings: Settings) -> Finding:
    if not settings.redis.url:
        return Finding("ok", "redis", "not used: rate limits are counted in the server, which is the only one")

    async def ask() -> None:
        counters = RedisCounters(settings.redis.url)
        try:
            await counters.peek("doctor", 1, 1.0)
        finally:
            await counters.close()

    where = urlsplit(settings.redis.url)
    return await _answer("redis", f"{where.hostname}:{where.port or 6379}", "see redis.url", ask())


async def _mail(settings: Settings) -> Finding:
    mail = settings.mail
    if mail.backend == "file":
        said = f"letters are only written, to {settings.data.dir / 'outbox'}"
        level: Level = "note" if settings.http.public_url else "ok"
        return Finding(level, "mail", said, "set mail.backend to smtp to send them" if level == "note" else "")

    async def ask() -> None:
        smtp = SmtpMail(mail, utc_now)
        try:
            await smtp.check()
        finally:
            smtp.close()

    return await _answer("mail", f"{mail.host}:{mail.port}", "see the section [mail]", ask())
