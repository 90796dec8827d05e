"""Which web origins (RFC 6454) may use the server, over REST and Socket.IO alike: its own and the listed ones."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from mediaserver.base.net.proxies import TrustedProxies
from mediaserver.base.settings.tree import Http

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Origins:
    def __init__(self, http: Http) -> None:
        """Raises `StartError` for proxies that make no sense."""
        self._proxies = TrustedProxies(http.trusted_proxies)
        self._all = "*" in http.allowed_origins
        listed = [*http.allowed_origins, *([http.public_url] if http.public_url else [])]
        self._listed = {normal for one in listed if (normal := _normal(one)) is not None}

    def allows(self, origin: str | None, peer: str | None, scheme: str, headers: Mapping[str, str]) -> bool:
        """Whether a page of `origin` may use a request that came from `peer` over `scheme` with `headers`."""
        if self._all:
            return True
        wanted = _normal(origin or "")
        if wanted is None:
            return False
        return wanted in self._listed or wanted == _normal(self._proxies.origin(peer, scheme, headers))


def _normal(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an origin; None for what is none (`null` too)."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None:
        return None
    return parts.scheme, parts.hostname, port
