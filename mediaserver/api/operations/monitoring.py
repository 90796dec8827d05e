"""Access to `/metrics` and `/readyz`: for operators of the server, not for its users.

With `monitoring.port` there is a separate listener for them. Elsewhere a token is required. Without either,
only requests that certainly come from this machine are answered. A reverse proxy on this machine makes every
request look local, so it is recognized by the headers it adds, by the host name in requests, or by the settings
it needs.
"""

import secrets
from ipaddress import ip_address

from aiohttp import web

from mediaserver.api.runtime.authentication import PROXIES, TrustedProxies
from mediaserver.base.errors import NotFound
from mediaserver.base.settings.tree import Monitoring, Settings

_FORWARDED = (
    "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Server",
    "X-Real-IP", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP",
)  # fmt: skip


class MonitoringAccess:
    """Decides about requests. `open` is True on the separate listener for monitoring."""

    def __init__(self, settings: Settings, *, open: bool = False) -> None:
        self._open = open
        self._settings: Monitoring = settings.monitoring
        http = settings.http
        self._local = not (self._settings.port or self._settings.token or http.public_url)

    def require(self, request: web.Request) -> None:
        """Raises: NotFound for requests without access, which do not learn that there is an endpoint."""
        if not (self._open or self._has_token(request) or (self._local and _is_local(request))):
            raise NotFound("not_found", "There is nothing at this address.")

    def _has_token(self, request: web.Request) -> bool:
        wanted, given = self._settings.token, request.headers.get("Authorization", "")
        scheme, _, token = given.partition(" ")
        return (
            bool(wanted)
            and scheme.lower() == "bearer"
            and secrets.compare_digest(token.strip().encode("utf-8", "replace"), wanted.encode())
        )


def _is_local(request: web.Request) -> bool:
    """Return whether the request comes from this machine, as far as that can be determined."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if not peer or not _is_loopback(str(peer[0])) or any(name in request.headers for name in _FORWARDED):
        return False
    proxies: TrustedProxies = request.app[PROXIES]
    host = request.host.rpartition(":")[0] if not request.host.endswith("]") else request.host
    return not proxies.trusts(str(peer[0])) and _is_loopback((host or request.host).strip("[]"))


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
