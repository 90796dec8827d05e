"""Security headers for every response: content type sniffing, referrer, content security policy and HSTS.

Pages and files set headers of their own; this fills in those that are missing.
"""

from aiohttp import hdrs, web

from mediaserver.api.runtime.authentication import PROXIES
from mediaserver.base.net.tls import is_self_signed
from mediaserver.base.settings.tree import Settings

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


class SecurityHeaders:
    """Sets the headers. HSTS (RFC 6797) is set only over HTTPS with a certificate that browsers trust: otherwise
    it would lock users out."""

    def __init__(self, settings: Settings) -> None:
        tls, http = settings.tls, settings.http
        self._hsts = f"max-age={http.hsts_max_age_s}" if http.hsts_max_age_s else ""
        self._own_tls = bool(tls.cert and tls.key) and not tls.self_signed and not is_self_signed(tls.cert)
        self._public = http.public_url.startswith("https://")

    def install(self, app: web.Application) -> None:
        app.on_response_prepare.append(self._protect)

    async def _protect(self, request: web.Request, response: web.StreamResponse) -> None:
        if response.status == 101:  # a WebSocket
            return
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if self._hsts and self._is_trusted_https(request):
            response.headers[hdrs.STRICT_TRANSPORT_SECURITY] = self._hsts

    def _is_trusted_https(self, request: web.Request) -> bool:
        if request.secure:
            return self._own_tls
        proxies = request.app[PROXIES]
        peer = request.transport.get_extra_info("peername") if request.transport else None
        address = peer[0] if peer else None
        return self._public and proxies.origin(address, request.scheme, request.headers).startswith("https://")
