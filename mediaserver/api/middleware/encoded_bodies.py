"""Refuses request bodies with a `Content-Encoding`: a few kilobytes of gzip can decode to gigabytes.

No client of this API needs one. aiohttp would decode such bodies before any of our limits sees their size, so the
server also runs with `auto_decompress=False`.
"""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from multidict import CIMultiDictProxy

from mediaserver.base.errors import EncodedBody

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PLAIN_TRANSFER = ("", "binary", "8bit", "7bit")


@web.middleware
async def refuse_encoded_bodies(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 415 `content_encoding` and name what is accepted (RFC 9110 sections 12.5.3 and 15.5.16)."""
    require_plain(request.headers, "body")
    return await handler(request)


def require_plain_part(headers: CIMultiDictProxy[str]) -> None:
    """Check one part of a form, which would otherwise be stored in its encoded form.

    Forms over HTTP use no `Content-Transfer-Encoding` (RFC 7578 section 4.7). Raises: EncodedBody.
    """
    require_plain(headers, "file")
    given = headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "").strip().lower()
    if given not in _PLAIN_TRANSFER:
        detail = "Send the file without Content-Transfer-Encoding."
        raise EncodedBody("content_encoding", detail)


def require_plain(headers: CIMultiDictProxy[str], what: str) -> None:
    """Raises: EncodedBody when `headers` name an encoding other than `identity`."""
    codings = ",".join(headers.getall(hdrs.CONTENT_ENCODING, [])).split(",")
    if any(coding.strip().lower() not in ("", "identity") for coding in codings):
        raise EncodedBody("content_encoding", f"Send the {what} without Content-Encoding.")
