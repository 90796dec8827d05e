"""Forms of settings that are URLs or addresses: a sentence at the start instead of a failure later.

No sentence repeats the value: it may have a password.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator

_ESCAPE = "write special characters of a password as %40 (@), %3A (:), %2F (/), %23 (#), %3F (?)"
_REDIS_OPTIONS = frozenset(
    (
        "db", "client_name", "health_check_interval", "protocol", "socket_keepalive", "ssl_ca_certs",
        "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile",
        "ssl_keyfile_password", "ssl_min_version", "virtual_host",
    )
)  # fmt: skip
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_ICE = re.compile(
    r"(?P<scheme>[a-z]+):(?P<host>\[[0-9A-Fa-f:.]+\]|[^:?/@\[\]]+)(:(?P<port>\d+))?(\?(?P<query>.*))?"
)


def _plain_text(text: str) -> None:
    if any(not 33 <= ord(c) <= 126 for c in text):
        raise ValueError(
            "must have no spaces, control characters or letters beyond ASCII (write such a host name as xn--…)"
        )


def _host(host: str | None) -> None:
    if not host:
        raise ValueError("must name a host")
    if ":" in host:
        _address(host)
    elif not _HOST.fullmatch(host) or ".." in host:
        raise ValueError("must have a valid host name or address")


def _port(text: str) -> None:
    """Of an URL: `urlsplit` only judges it when asked."""
    try:
        port = urlsplit(text).port
    except ValueError:
        raise ValueError(f"must have a port between 1 and 65535, or none; {_ESCAPE}") from None
    if port == 0:
        raise ValueError("must have a port between 1 and 65535, or none")


def _split(text: str, schemes: Collection[str]) -> None:
    _plain_text(text)
    listed = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("must be a URL with a valid host") from None
    if parts.scheme not in schemes or not text.lower().startswith(f"{parts.scheme}://"):
        raise ValueError(f"must begin with {listed}")


def web_url(text: str) -> str:
    """Empty, or where something is served: no account, query or fragment."""
    if not text:
        return text
    _split(text, ("https", "http"))
    parts = urlsplit(text)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must have a host and perhaps a port and a path, nothing else")
    _port(text)
    _host(parts.hostname)
    return text


def origin(text: str) -> str:
    """`*`, or scheme, host and port of pages."""
    if text != "*" and urlsplit(web_url(text)).path not in ("", "/"):
        raise ValueError("must be an origin such as https://school.example, without a path")
    if not text:
        raise ValueError("must not be empty")
    return text


def redis_url(text: str) -> str:
    if not text:
        return text
    _split(text, ("redis", "rediss", "unix"))
    parts = urlsplit(text)
    if parts.fragment:
        raise ValueError(f"must have no #; {_ESCAPE}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(set(options) - _REDIS_OPTIONS):
        known = all(re.fullmatch(r"[a-z_]+", name) for name in unknown)
        raise ValueError(
            f"has options that do not exist: {', '.join(unknown)}" if known else "has unknown options"
        )
    if parts.scheme == "redis" and any(name.startswith("ssl_") for name in options):
        raise ValueError("has options for TLS, which only rediss:// takes")
    if parts.scheme != "unix":
        _port(text)
        _host(parts.hostname)
        if not re.fullmatch(r"/?|/\d{1,5}", parts.path):
            raise ValueError(f"must end with the number of a database, such as /0; {_ESCAPE}")
    if not re.fullmatch(r"\d{0,5}", options.get("db", "")):
        raise ValueError("must give the database as a number")
    return text


def mongodb_uri(text: str) -> str:
    if text == "embedded":
        return text
    _split(text, ("mongodb", "mongodb+srv"))
    # Several hosts may be listed, and a path to a socket be escaped, which is no URL as `urlsplit` knows them.
    hosts = text.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]
    if not hosts or any(not host for host in hosts.split(",")):
        raise ValueError(f"must name a host; {_ESCAPE}")
    for host in hosts.split(","):
        name, _, port = host.rpartition(":") if re.search(r"[^\]]:[^:\]]*$|\]:", host) else (host, "", "")
        if port and not (port.isdigit() and 0 < int(port) < 65536):
            raise ValueError(f"must have a port between 1 and 65535, or none; {_ESCAPE}")
        if "%" not in host:
            _host((name or host).strip("[]"))
    return text


def _ice_url(text: str, schemes: tuple[str, str], transports: bool) -> str:
    """RFC 7064 and RFC 7065."""
    _plain_text(text)
    found = _ICE.fullmatch(text)
    example = f"{schemes[0]}:turn.example.org:3478{'?transport=udp' if transports else ''}"
    if not found or found["scheme"] not in schemes or text.partition(":")[2].startswith("//"):
        raise ValueError(f"must have the form {example}")
    _host(found["host"].strip("[]"))
    if found["port"] and not 0 < int(found["port"]) < 65536:
        raise ValueError("must have a port between 1 and 65535, or none")
    if found["query"] is not None and not (transports and found["query"] in ("transport=udp", "transport=tcp")):
        raise ValueError("may end with ?transport=udp or ?transport=tcp only" if transports else "must have no ?")
    return text


def stun_url(text: str) -> str:
    return _ice_url(text, ("stun", "stuns"), False)


def turn_url(text: str) -> str:
    return _ice_url(text, ("turn", "turns"), True)


def _address(text: str) -> str:
    try:
        found = ip_address(text)
    except ValueError:
        raise ValueError("must be an IPv4 or IPv6 address, not a name") from None
    if found.is_unspecified or found.is_multicast:
        raise ValueError("must be the address of a machine")
    return text


def network(text: str) -> str:
    try:
        ip_network(text, strict=False)
    except ValueError:
        raise ValueError("must be an address or a network such as 10.0.0.0/8") from None
    return text


def security_contact(text: str) -> str:
    """RFC 9116 section 2.5.3: a URI; an email address becomes one."""
    _plain_text(text)
    if re.fullmatch(r"(mailto:)?[^@:/]+@[^@:/]+\.[^@:/]+", text):
        return text if text.startswith("mailto:") else f"mailto:{text}"
    if text.startswith("tel:+") or text.startswith("https://"):
        return text
    raise ValueError("must be an email address, or begin with mailto:, https:// or tel:+")


def language(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", text):
        raise ValueError("must be a language such as en or pt-BR")
    return text


def token(text: str) -> str:
    if text and (len(text) < 16 or any(not 33 <= ord(c) <= 126 for c in text)):
        raise ValueError("must have at least 16 ASCII characters without spaces")
    return text


WebUrl = Annotated[str, AfterValidator(web_url)]
Origin = Annotated[str, AfterValidator(origin)]
RedisUrl = Annotated[str, AfterValidator(redis_url)]
MongoUri = Annotated[str, AfterValidator(mongodb_uri)]
StunUrl = Annotated[str, AfterValidator(stun_url)]
TurnUrl = Annotated[str, AfterValidator(turn_url)]
Address = Annotated[str, AfterValidator(_address)]
Network = Annotated[str, AfterValidator(network)]
SecurityContact = Annotated[str, AfterValidator(security_contact)]
Language = Annotated[str, AfterValidator(language)]
Token = Annotated[str, AfterValidator(token)]
