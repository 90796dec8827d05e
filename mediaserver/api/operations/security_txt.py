"""`/.well-known/security.txt` (RFC 9116): where to report vulnerabilities, if the operator configured it."""

from datetime import datetime, timedelta

from aiohttp import web

from mediaserver.api.declarations.calls import Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Returns
from mediaserver.base.errors import NotFound
from mediaserver.base.settings.tree import Settings

PATH = "/.well-known/security.txt"

_VALID = timedelta(days=180)
"""Section 2.5.5 recommends less than a year."""


def text(settings: Settings, now: datetime) -> str:
    """Return the content of the file; empty when no contact is configured."""
    security = settings.security
    if not security.contacts:
        return ""
    expires = (now + _VALID).replace(hour=0, minute=0, second=0, microsecond=0)
    lines = [f"Contact: {contact}" for contact in security.contacts]
    lines.append(f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}")
    if security.languages:
        lines.append(f"Preferred-Languages: {', '.join(security.languages)}")
    if settings.http.public_url.startswith("https://"):
        lines.append(f"Canonical: {settings.http.public_url.rstrip('/')}{PATH}")
    if security.policy_url:
        lines.append(f"Policy: {security.policy_url}")
    return "\n".join(lines) + "\n"


async def _show(call: Call) -> web.Response:
    """Return the contacts of the operator as RFC 9116 describes; 404 when there are none."""
    content = text(call.context.settings, call.context.clock())
    if not content:
        raise NotFound("not_found", "There is nothing at this address.")
    return web.Response(text=content, content_type="text/plain", charset="utf-8")


ENDPOINTS = [
    Endpoint(
        "GET",
        PATH,
        "Read where to report vulnerabilities",
        _show,
        "Operation",
        returns=Returns(produces="text/plain", errors=(404,)),
        public=True,
        prefix="",
    )
]
