"""The web client: `/` is its page, `/web/…` the files beside it; nothing on them comes from other hosts."""

from pathlib import Path

from aiohttp import hdrs, web

import mediaserver

_WEB = Path(mediaserver.__file__).parent / "web"
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob: mediastream:",
        "connect-src 'self' ws: wss:",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
    # Files carry no version in their names: browsers ask each time and get 304.
    hdrs.CACHE_CONTROL: "no-cache",
}


def setup(app: web.Application) -> None:
    app.router.add_get("/", _index)
    app.router.add_static("/web/", _WEB, append_version=False)
    app.on_response_prepare.append(_protect)


async def _index(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(_WEB / "index.html")


async def _protect(request: web.Request, response: web.StreamResponse) -> None:
    if request.path == "/" or request.path.startswith("/web/"):
        response.headers.update(_HEADERS)
