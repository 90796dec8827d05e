"""`/files/{key}`: bytes of uploads and recordings for the holder of a signed URL.

The signature says who the URL was made for. Whether their login still stands and they still have the right is
checked at each request, and while a response is under way.
"""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from urllib.parse import quote

from aiohttp import web

from mediaserver.api.declarations import ranges
from mediaserver.api.errors import problem_response
from mediaserver.api.runtime.services import SERVICES, Services
from mediaserver.base.errors import PreconditionFailed, Problem
from mediaserver.base.signing import SignedFile
from mediaserver.domain.uploads.media_types import TEXT, shown_inline
from mediaserver.store.objects import ObjectInfo
from mediaserver.usecases.context import Context
from mediaserver.usecases.files import file_access
from mediaserver.usecases.files.file_access import FileAccess

_POLICY = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"


class RangeNotSatisfiable(Problem):
    status, title = 416, "Range not satisfiable"


def file_handler() -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """GET and HEAD."""

    async def serve(request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        context = services.context
        signed = context.signer.verify(request.match_info["key"], request.query)
        access = await file_access.require(context, signed)
        info = await context.objects.stat(signed.key)
        if request.method == "GET" and (response := await _redirect(context, signed, info)):
            return response
        return await _answer(request, services, access, info)

    return serve


def file_routes() -> list[web.RouteDef]:
    return [web.get("/files/{key:.+}", file_handler())]


async def _redirect(context: Context, signed: SignedFile, info: ObjectInfo) -> web.Response | None:
    """To the bucket, when the settings say so: for its short life that URL serves anyone, right or no right."""
    settings = context.settings.objects
    if not settings.redirect:
        return None
    url = await context.objects.presigned_url(
        signed.key, settings.redirect_ttl_s, _content_type(info), _disposition(info.content_type, signed.name)
    )
    if url is None:
        return None
    return web.Response(status=302, headers={"Location": url, "Cache-Control": "no-store"})


async def _answer(
    request: web.Request, services: Services, access: FileAccess, info: ObjectInfo
) -> web.StreamResponse:
    headers = _headers(access.signed, info)
    match ranges.judge(request.headers, info.etag, info.modified):
        case "failed":
            raise PreconditionFailed("precondition_failed", "the file is not the one that the request expects")
        case "not_modified":
            return web.Response(status=304, headers=headers)
    start, end, status = 0, info.size, 200
    # RFC 9110 section 14.2: Range means something for GET only.
    if request.method == "GET" and ranges.range_applies(request.headers, info.etag, info.modified):
        wanted = ranges.requested_range(request.headers.get("Range", ""), info.size)
        if wanted == "unsatisfiable":
            return _unsatisfiable(info)
        if wanted != "whole":
            (start, end), status = wanted, 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{info.size}"
    headers |= {"Content-Type": _content_type(info), "Content-Length": str(end - start)}
    response = web.StreamResponse(status=status, headers=headers)
    await response.prepare(request)
    if request.method == "GET" and start < end:
        await _carry(request, response, services, access, start, end)
    return response


async def _carry(
    request: web.Request,
    response: web.StreamResponse,
    services: Services,
    access: FileAccess,
    start: int,
    end: int,
) -> None:
    def cut() -> None:
        if request.transport is not None:
            request.transport.abort()

    try:
        with services.transfers.running(access, cut) as transfer:
            async with aclosing(services.context.objects.read(access.signed.key, start, end)) as chunks:
                async for chunk in chunks:
                    await response.write(chunk)  # waits while the client does not read
                    transfer.sent = True
        await response.write_eof()
    except (Problem, ConnectionError):
        # The head is out: the only honest end is a cut connection, not a second answer inside the first.
        cut()


def _headers(signed: SignedFile, info: ObjectInfo) -> dict[str, str]:
    return {
        "ETag": f'"{info.etag}"',
        "Last-Modified": ranges.http_date(info.modified),
        "Accept-Ranges": "bytes",
        "Content-Disposition": _disposition(info.content_type, signed.name),
        # Kept by the person's own browser, but asked about each time: a right may have ended.
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
        # A proxy that reads ahead would go on sending after we have cut the connection.
        "X-Accel-Buffering": "no",
    }


def _unsatisfiable(info: ObjectInfo) -> web.Response:
    response = problem_response(RangeNotSatisfiable("range_not_satisfiable", f"the file has {info.size} bytes"))
    response.headers["Content-Range"] = f"bytes */{info.size}"
    return response


def _content_type(info: ObjectInfo) -> str:
    return f"{TEXT}; charset=utf-8" if info.content_type == TEXT else info.content_type


def _disposition(content_type: str, name: str | None) -> str:
    """RFC 6266, with the name in both forms; what could run as a page is saved, never shown."""
    kind = "inline" if shown_inline(content_type) else "attachment"
    if not name:
        return kind
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
