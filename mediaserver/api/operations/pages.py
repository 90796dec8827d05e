"""Serves the web client at `/`, the API's page at `/docs`, and their files under `/web/`, all from this
server."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import hdrs, web

import mediaserver
from mediaserver.base.settings.tree import Settings

_WEB = Path(mediaserver.__file__).parent / "web"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=(), "
        "serial=(), bluetooth=(), hid=(), midi=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    # File names carry no version, so browsers revalidate each time and get 304.
    hdrs.CACHE_CONTROL: "no-cache",
}


def setup(app: web.Application, settings: Settings) -> None:
    """Add the pages and their security headers to the application."""
    headers = _HEADERS | {"Content-Security-Policy": policy(settings)}

    async def protect(request: web.Request, response: web.StreamResponse) -> None:
        if request.path in ("/", "/docs") or request.path.startswith("/web/"):
            response.headers.update(headers)
        if request.path == "/docs":  # Swagger UI sets styles on its elements
            response.headers["Content-Security-Policy"] += "; style-src 'self' 'unsafe-inline'"

    app.router.add_get("/", _page("index.html"))
    app.router.add_get("/docs", _page("api.html"))
    app.router.add_static("/web/", _WEB, append_version=False)
    app.on_response_prepare.append(protect)


def policy(settings: Settings) -> str:
    """Return the content security policy: only this server, and for media also where files are redirected to."""
    files = " ".join(["'self'", "blob:", *_file_origins(settings)])
    return "; ".join(
        (
            "default-src 'self'",
            f"img-src {files} data:",
            f"media-src {files} mediastream:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def _file_origins(settings: Settings) -> list[str]:
    objects, found = settings.objects, []
    if settings.http.public_url:
        found.append(_origin(settings.http.public_url))
    if objects.backend == "s3" and objects.redirect:
        amazon = f"https://{objects.bucket}.s3.{objects.region}.amazonaws.com"
        found.append(_origin(objects.endpoint_url or amazon))
        if not objects.endpoint_url:
            found.append(f"https://{objects.bucket}.s3.amazonaws.com")
    return found


def _page(name: str) -> Callable[[web.Request], Awaitable[web.FileResponse]]:
    async def page(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(_WEB / name)

    return page


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
