"""The settings tree: loaded once at start, frozen, passed down; a wrong or unknown setting stops the start.

Later sources win: the defaults here, a TOML file, the environment (`MEDIASERVER_HTTP__PORT=8443`), the command
line (`--http.port 8443`).
"""

import os
from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from mediaserver.base.errors import StartError
from mediaserver.base.faults import in_words
from mediaserver.base.net.domains import is_domain
from mediaserver.base.settings.forms import (
    Address,
    Language,
    MongoUri,
    Network,
    Origin,
    RedisUrl,
    SecurityContact,
    StunUrl,
    Token,
    TurnUrl,
    WebUrl,
)

ENV_PREFIX = "MEDIASERVER_"
_MIB = 1 << 20


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Http(Section):
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(8080, ge=0, le=65535)
    """TCP port for pages, REST and Socket.IO; 0 takes a free one."""
    public_url: WebUrl = ""
    """The URL that people use, such as `https://media.example.org`; empty: that of the request."""
    allowed_origins: tuple[Origin, ...] = ()
    """Web origins that may use REST and Socket.IO beside the server's own; `["*"]` allows all."""
    trusted_proxies: tuple[Network, ...] = ()
    """Addresses or networks whose X-Forwarded-For, -Proto and -Host are believed."""
    hsts_max_age_s: int = Field(31_536_000, ge=0)
    """How long browsers refuse to open this host without HTTPS (HSTS); 0: the header is not sent. It is
    sent only over HTTPS with a certificate that is not self-signed, or behind a trusted proxy when `public_url`
    begins with `https://`."""
    max_connections: int = Field(10_000, ge=1)
    """TCP connections at once. Each may need two file descriptors and 256 are kept in reserve: a lower limit of
    open files (`ulimit -Hn`) lowers this."""
    max_connections_per_address: int = Field(4096, ge=1)
    """TCP connections at once from one IPv4 address or IPv6 /64, never more than half of `max_connections`. From
    trusted proxies any number may come, but only so many requests at once that they forward from one address."""
    header_timeout_s: float = Field(10.0, gt=0)
    """The head of a request must be complete within this time."""
    idle_timeout_s: float = Field(60.0, gt=0)
    """A kept connection without a request is closed after this time."""
    body_min_bytes_per_s: int = Field(1024, ge=1)
    """The body of a request must come at least at this rate on average."""
    body_patience_s: float = Field(10.0, gt=0)
    """For so long a body may stop; slower than the minimum rate, it is refused with 408. Uploads: `uploads.*`."""
    max_unauthenticated_bytes: int = Field(16 * _MIB, ge=_MIB)
    """Memory for requests that are still arriving from senders who are not known yet, all together."""
    max_authenticated_bytes: int = Field(128 * _MIB, ge=_MIB)
    """Memory for request bodies of signed-in users that are still arriving, all together; files do not count."""
    max_connections_per_user: int = Field(20, ge=1)
    """Socket.IO connections that one person may hold at once."""
    idempotency_ttl_s: int = Field(86400, ge=60)
    """How long the answer to a POST with an Idempotency-Key is kept and given again."""


class Tls(Section):
    cert: Path | None = None
    """PEM file with the certificate chain; with `key`, the server speaks HTTPS."""
    key: Path | None = None
    """PEM file with the private key."""
    self_signed: bool = False
    """Make and use a certificate of our own: enough for a try in a local network."""


class Data(Section):
    dir: Path = Path("data")
    """Where secrets, the embedded database, local objects and captures live."""
    reserve_bytes: int = Field(512 * _MIB, ge=0)
    """Free disk that uploads must leave for recordings and documents; below it they are refused."""


class MongoDB(Section):
    uri: MongoUri = "embedded"
    """A MongoDB connection string, or `embedded` for the document server that comes with us."""
    database: str = "mediaserver"
    """Name of the database."""
    timeout_s: float = Field(5.0, gt=0)
    """How long an operation may take, all its tries together; one that changes many documents six times that."""


class Redis(Section):
    url: RedisUrl = ""
    """`redis://…` for counters (rate limits) and events that several servers share; empty: kept here."""


class Objects(Section):
    backend: Literal["local", "s3"] = "local"
    """Where uploads and recordings are kept: under `data.dir`, or in an S3 bucket."""
    bucket: str = ""
    """S3 bucket; it must exist."""
    prefix: str = ""
    """Put before every object key in the bucket."""
    endpoint_url: WebUrl = ""
    """S3 endpoint other than Amazon's, such as `http://minio:9000`."""
    public_endpoint_url: WebUrl = ""
    """That endpoint as clients reach it, for redirects and uploads straight to S3; empty: the same."""
    region: str = "us-east-1"
    """S3 region."""
    access_key: str = ""
    """S3 access key; empty: boto3's own chain (environment, profile, instance role)."""
    secret_key: str = Field("", repr=False)
    """S3 secret key."""
    redirect: bool = False
    """Answer object requests with a redirect to a short presigned S3 URL instead of carrying the bytes. A right
    that is withdrawn then still works until that URL expires."""
    redirect_ttl_s: int = Field(60, ge=1, le=60)
    """How long such a presigned URL lives."""
    url_ttl_s: int = Field(3600, ge=1)
    """How long the signed URL of an upload works."""
    recording_url_ttl_s: int = Field(900, ge=1)
    """How long playback may be started with the signed URL of a recording."""
    playback_max_s: int = Field(4 * 3600, ge=1)
    """How long that URL goes on working once playback has started."""
    playback_idle_s: int = Field(1800, ge=1)
    """How long such playback may pause before a new URL is needed."""
    playbacks_per_login: int = Field(20, ge=1)
    """How many such playbacks one login may have; another one ends the least recently used."""


def _email_domain(text: str) -> str:
    if not is_domain(text.removeprefix("*.")):
        raise ValueError("must be a domain such as school.example, or *.school.example for its subdomains")
    return text


class Auth(Section):
    access_ttl_s: int = Field(900, ge=1)
    """Life of an access token."""
    refresh_ttl_s: int = Field(30 * 86400, ge=60)
    """Life of a login that is not used."""
    attempts_before_delay: int = Field(5, ge=1)
    """Wrong passwords an hour for one account from one address, or from one known device, before each further
    try has to wait: 2 s, then twice as long each time."""
    max_delay_s: int = Field(300, ge=2)
    """The longest such wait."""
    address_failures_per_hour: int = Field(300, ge=1)
    """Wrong passwords an hour from one address (IPv6: /64), over all accounts, before its unknown devices have to
    wait in the same way. Only wrong passwords count: a school behind one address needs room for its typos."""
    account_failures_per_hour: int = Field(100, ge=1)
    """Wrong passwords an hour for one account from all unknown devices before these must be confirmed by a
    mailed link. Known devices are not affected."""
    sign_ins_per_minute: int = Field(60, ge=1)
    """Successful sign-ins of one account a minute."""
    login_links_per_hour: int = Field(5, ge=1)
    """Letters with a link to confirm a device that one account gets in an hour; ten times as many are asked for
    from one address."""
    device_ttl_s: int = Field(180 * 86400, ge=60)
    """How long a device stays known without signing in."""
    attempts_per_minute: int = Field(10, ge=1)
    """Wrong present passwords a minute of one login (to change the password or the address), and wrong tokens of
    mailed links from one address, before further ones are refused."""
    sign_in_wait_s: float = Field(15.0, gt=0)
    """How long a sign-in may wait for its turn to have its password checked before it is answered 503."""
    registrations_per_hour: int = Field(1000, ge=1)
    """New accounts an hour from one address (IPv6: /64)."""
    resets_per_hour: int = Field(5, ge=1)
    """Letters with a link for a new password that one account gets in an hour, and that are asked for it from one
    address; ten times as many for all accounts from one address."""
    registration: Literal["open", "closed"] = "open"
    """Whether people may create accounts themselves; with `closed` only `mediaserver create-user` does."""
    email_domains: tuple[Annotated[str, AfterValidator(_email_domain)], ...] = ()
    """Domains of the addresses that people may register with or change to, such as `school.example`; with `*.` in
    front all its subdomains. Empty: any. Use it with `require_verified_email`: else nobody proves an address."""
    require_verified_email: bool = False
    """Accounts must confirm their address by a mailed link before they may post, write to others or join
    sessions. Needs `mail.backend = "smtp"`."""
    verification_ttl_s: int = Field(86400, ge=60)
    """How long a mailed link that confirms an address works."""
    verification_mails_per_hour: int = Field(5, ge=1)
    """Mails with such a link that one account may ask for in an hour, and that one mailbox gets in an hour at the
    request of one network address; four times as many at the request of all addresses."""
    unverified_ttl_s: int = Field(7 * 86400, ge=3600)
    """An account whose address is not confirmed is deleted after this time; its username is free again."""
    reserved_usernames: tuple[str, ...] = (
        "admin", "administrator", "root", "superuser", "system", "sysadmin", "operator", "moderator",
        "staff", "team", "support", "help", "helpdesk", "info", "contact", "security", "abuse", "postmaster",
        "hostmaster", "webmaster", "noreply", "no-reply", "mailer-daemon", "official", "service",
        "mediaserver", "everyone", "everybody", "here", "all", "channel", "anonymous", "nobody", "guest",
        "unknown", "deleted", "deleted-user", "null", "undefined",
    )  # fmt: skip
    """Usernames that nobody can register or rename themselves to, nor names that look like one of them. The
    command line can make them."""
    argon2_time_cost: int = Field(2, ge=1)
    """argon2id passes."""
    argon2_memory_kib: int = Field(19456, ge=8)
    """argon2id memory."""


class Limits(Section):
    reads_per_minute: int = Field(1200, ge=0)
    """GET requests of one person over REST; 0: any number."""
    writes_per_minute: int = Field(240, ge=0)
    """Other requests of one person over REST; 0: any number."""
    anonymous_per_minute: int = Field(1500, ge=0)
    """Requests over REST from one address (IPv6: /64) without signing in, signing in among them; 0: any number.
    500 people behind one address who sign in at once make 500, and as many when they register or refresh."""


class SignallingSettings(Section):
    max_pending_connections: int = Field(1000, ge=1)
    """Socket.IO connections that have not signed in yet; beyond that, each new one closes the oldest one of the
    address (IPv6: /64 network) that holds most."""
    sign_in_s: float = Field(5.0, gt=0)
    """How long a WebSocket has for signing in; a polling client, which may have to open another connection for
    that, has three times as long."""
    max_pending_message_bytes: int = Field(8192, ge=1024)
    """Largest message before the connection has signed in."""
    handshakes_per_s: float = Field(20.0, gt=0)
    """Handshakes of one address that do not lead to a sign-in; beyond that, its handshakes are answered late."""
    handshake_burst: int = Field(1000, ge=1)
    """So many of them at once."""
    handshake_delay_s: float = Field(0.5, ge=0)
    """How late they are answered then."""
    events_per_s: float = Field(50.0, gt=0)
    """Small events of one connection in the long run; larger and costlier ones count as several. Beyond that,
    events are refused; a client that goes on is disconnected."""
    event_burst: int = Field(250, ge=1)
    """So many of them at once."""
    user_events_per_s: float = Field(100.0, gt=0)
    """The same for all connections of one user together."""
    user_event_burst: int = Field(500, ge=1)
    """So many of them at once."""
    chat_per_s: float = Field(5.0, gt=0)
    """Chat messages of one user in the long run."""
    chat_burst: int = Field(20, ge=1)
    """So many of them at once."""
    messages_per_s: float = Field(2.0, gt=0)
    """Private messages of one user in the long run."""
    message_burst: int = Field(20, ge=1)
    """So many of them at once."""
    typing_per_s: float = Field(1.0, gt=0)
    """Notes of one user that they are typing, in the long run."""
    typing_burst: int = Field(5, ge=1)
    """So many of them at once."""


def _mailbox(text: str) -> str:
    if not text.isprintable() or "@" not in parseaddr(text)[1]:
        raise ValueError("must be an email address, or a name and one: Mediaserver <mediaserver@example.org>")
    return text


class MailSettings(Section):
    backend: Literal["file", "smtp"] = "file"
    """`file` only writes letters to `data.dir/outbox`; `smtp` sends them."""
    host: str = "localhost"
    """Host name of the SMTP server that accepts outgoing mail."""
    port: int = Field(587, ge=1, le=65535)
    """Its port: 587 with `starttls`, mostly 465 with `tls`."""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted; `none` only for a server on this machine."""
    username: str = ""
    """Account at the SMTP server; empty: none is needed."""
    password: str = Field("", repr=False)
    """Its password."""
    sender: Annotated[str, AfterValidator(_mailbox)] = "Mediaserver <mediaserver@localhost>"
    """From whom letters come."""


class Rooms(Section):
    capacity: int = Field(100, ge=1)
    """Participants in one session."""
    grace_s: float = Field(30.0, ge=0)
    """How long a participant whose connection is lost stays."""
    empty_s: float = Field(300.0, ge=0)
    """How long a room without people is kept; its recording runs on for that time."""
    end_empty_session_s: float = Field(600.0, ge=0)
    """A live session that people have joined ends by itself when nobody has been in it for this time; 0: never.
    Its moderator can turn that off (`endsWhenEmpty`)."""
    floating_audio_slots: int = Field(3, ge=1, le=20)
    """Loudest-speaker audio slots that clients use in large rooms."""
    chat_max_chars: int = Field(4000, ge=1)
    """Length of a message in a chat, and of a private one."""


class Uploads(Section):
    max_image_bytes: int = Field(20 * _MIB, ge=1)
    """Largest picture."""
    max_video_bytes: int = Field(500 * _MIB, ge=1)
    """Largest video."""
    max_audio_bytes: int = Field(100 * _MIB, ge=1)
    """Largest sound file."""
    max_file_bytes: int = Field(100 * _MIB, ge=1)
    """Largest other file."""
    max_bytes_per_person: int = Field(5 * 1024 * _MIB, ge=1)
    """All that one person may keep here."""
    max_concurrent: int = Field(64, ge=1)
    """Uploads under way at once. When all places are taken, a newcomer displaces one of whoever holds most."""
    max_concurrent_per_person: int = Field(4, ge=1)
    """Of them, those of one person."""
    max_concurrent_per_address: int = Field(32, ge=1)
    """Of them, those from one IPv4 address or one IPv6 /64."""
    min_bytes_per_s: int = Field(8000, ge=1)
    """An upload that is slower for longer than `slow_grace_s` is ended; so is a download of a person's data."""
    slow_grace_s: float = Field(30.0, gt=0)
    """How long an upload may pause, or stay below that rate."""
    max_duration_s: float = Field(7200.0, gt=0)
    """An upload that takes longer is ended."""
    presign_ttl_s: int = Field(900, ge=1, le=604_800)
    """With S3: how long after it was announced an upload may begin."""
    unused_ttl_s: int = Field(86400, ge=60)
    """An upload that nothing uses is deleted after this time."""


class Notifications(Section):
    keep_days: int = Field(90, ge=1)
    """A notification is deleted so long after its last act."""


class Media(Section):
    workers: int = Field(1, ge=1, le=64)
    """Media worker processes; about one a core."""
    ip: str = "0.0.0.0"
    """Address that the workers' UDP sockets are bound to."""
    port: int = Field(0, ge=0, le=65535)
    """UDP port of the first worker, the next ones follow; 0 takes free ones."""
    announced_ips: tuple[Address, ...] = ()
    """Addresses told to clients; empty: those of all interfaces. Behind NAT: the public one."""
    video_codec: Literal["VP8", "H264"] = "VP8"
    """The one video codec of every room."""
    stun_urls: tuple[StunUrl, ...] = ()
    """STUN servers told to clients."""
    turn_urls: tuple[TurnUrl, ...] = ()
    """TURN servers told to clients, with credentials made from `turn_secret`."""
    turn_secret: str = Field("", repr=False)
    """coturn's `static-auth-secret`."""
    turn_ttl_s: int = Field(86400, ge=60)
    """Life of TURN credentials."""
    gso: bool = True
    """Send runs of packets with UDP segmentation offload where the kernel has it."""
    max_bitrate_bps: int = Field(3_000_000, ge=100_000)
    """What one participant is asked to send at most. Packets beyond twice that, with bursts of a second, are
    dropped."""
    max_audio_bitrate_bps: int = Field(256_000, ge=16_000)
    """What one audio track may send, redundancy included; packets beyond that are dropped."""
    max_audio_packets_per_s: int = Field(200, ge=50)
    """Packets that one audio track may send a second."""
    excess_s: float = Field(10.0, ge=1)
    """A track is ended when packets of it were dropped by these limits for this time."""


class RecordingSettings(Section):
    width: int = Field(1280, ge=160, le=3840, multiple_of=2)
    """Width of the composed program."""
    height: int = Field(720, ge=90, le=2160, multiple_of=2)
    """Height of the composed program."""
    fps: int = Field(25, ge=1, le=60)
    """Frames per second of the composed program."""
    flush_ms: int = Field(250, ge=10, le=5000)
    """At most this much of a running capture is lost when everything dies."""
    min_free_bytes: int = Field(200 * _MIB, ge=0)
    """Free disk that recordings leave to documents: none starts with less, and before running ones use it, the
    one that writes most is warned and stopped."""
    stop_notice_s: float = Field(60.0, gt=0)
    """How long before it is stopped to spare the disk a recording's room is told."""
    max_bytes_per_moderator: int = Field(0, ge=0)
    """No recording starts in sessions of a moderator whose stored recordings have this size; 0: any size."""
    keep_journals: bool = False
    """Keep the captured packets after the recording was composed and stored."""


class Monitoring(Section):
    host: str = "127.0.0.1"
    """Address for `/metrics`, `/readyz` and `/healthz` alone; used with `port`."""
    port: int = Field(0, ge=0, le=65535)
    """TCP port for them, without TLS, for a network that only operators reach; 0: none."""
    token: Token = Field("", repr=False)
    """Opens `/metrics` and `/readyz` of the public port with `Authorization: Bearer`. Without `port`, `token` and
    `http.public_url`, only programs on this machine get them."""


class Security(Section):
    contacts: tuple[SecurityContact, ...] = ()
    """Contacts for reports of vulnerabilities in `/.well-known/security.txt`: email addresses, or URLs of forms.
    Empty: the file is not served."""
    policy_url: WebUrl = ""
    """URL of your rules for such reports."""
    languages: tuple[Language, ...] = ()
    """Languages in which you read them, such as `en`."""


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least important records shown."""
    format: Literal["text", "json"] = "text"
    """`json` for machines."""


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter="__", toml_file=None
    )

    http: Http = Http()
    tls: Tls = Tls()
    data: Data = Data()
    mongodb: MongoDB = MongoDB()
    redis: Redis = Redis()
    objects: Objects = Objects()
    auth: Auth = Auth()
    limits: Limits = Limits()
    signalling: SignallingSettings = SignallingSettings()
    mail: MailSettings = MailSettings()
    rooms: Rooms = Rooms()
    uploads: Uploads = Uploads()
    notifications: Notifications = Notifications()
    media: Media = Media()
    recording: RecordingSettings = RecordingSettings()
    monitoring: Monitoring = Monitoring()
    security: Security = Security()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))


def load_settings(
    file: Path | None = None, overrides: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Read all sources; `overrides` are dotted names from the command line. `StartError` names all faults."""
    environ = os.environ if environ is None else environ
    if file is not None and not file.is_file():
        raise StartError(f"there is no settings file at {file}")
    _refuse_unknown_variables(environ)
    loader = type("LoadedSettings", (Settings,), {"model_config": SettingsConfigDict(toml_file=file)})
    try:
        settings: Settings = loader(**_nested(overrides or {}))
    except ValidationError as error:
        faults = [f"  {'.'.join(map(str, e['loc']))}: {_plain(e)}" for e in error.errors()]
        raise StartError("\n".join(["these settings are wrong:", *faults])) from None
    except ValueError as error:  # TOML syntax, unreadable environment value
        raise StartError(f"the settings cannot be read ({file or 'environment'}): {error}") from None
    _check_together(settings)
    return settings


def names() -> dict[str, FieldInfo]:
    """Every setting by its dotted name."""
    sections = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {
        f"{name}.{key}": field
        for name, section in sections.items()
        if isinstance(section, type) and issubclass(section, Section)
        for key, field in section.model_fields.items()
    }


def _nested(overrides: Mapping[str, str]) -> dict[str, Any]:
    known, tree = names(), dict[str, Any]()
    for name, value in overrides.items():
        if name not in known:
            raise StartError(f"there is no setting {name}")
        section, key = name.split(".")
        listed = get_args(known[name].annotation)[1:] == (Ellipsis,)
        tree.setdefault(section, {})[key] = [v for v in value.split(",") if v] if listed else value
    return tree


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {ENV_PREFIX + name.replace(".", "__").upper() for name in names()}
    unknown: Sequence[str] = sorted(
        v for v in environ if v.upper().startswith(ENV_PREFIX) and v.upper() not in known
    )
    if unknown:
        raise StartError(f"the environment names settings that do not exist: {', '.join(unknown)}")


def _plain(error: ErrorDetails) -> str:
    return "there is no such setting" if error["type"] == "extra_forbidden" else in_words(error)


def _check_together(settings: Settings) -> None:
    if (settings.tls.cert is None) != (settings.tls.key is None):
        raise StartError("tls.cert and tls.key go together: give both or neither")
    if settings.objects.backend == "s3" and not settings.objects.bucket:
        raise StartError("objects.backend is s3, so objects.bucket must name the bucket")
    if settings.mail.backend == "smtp" and not settings.http.public_url:
        raise StartError("mail.backend is smtp, so http.public_url must be set: letters have links")
    if settings.auth.require_verified_email and settings.mail.backend == "file":
        raise StartError(
            "auth.require_verified_email needs mail.backend smtp: with file nobody gets the mailed link "
            "that confirms an address"
        )
    if settings.media.turn_urls and not settings.media.turn_secret:
        raise StartError("media.turn_urls are set, so media.turn_secret must be as well")
