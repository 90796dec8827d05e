"""Signed links to the bytes of uploads and recordings, for the login of whoever reads an answer.

What is pushed to a person reaches all their devices, also on other servers, and each device has its own login. A
push therefore carries unsigned links, which are signed where the socket is, for the socket's login.
"""

from typing import Any, Final

from mediaserver.base.signing import ANYONE
from mediaserver.domain.documents.actor import Actor
from mediaserver.usecases.context import Context

Link = str | dict[str, Any]
"""A URL, or for a reader without a login what `sign_links` makes one of."""

_UNSIGNED: Final = "unsignedFileKey"
_FACE_TTL_S: Final = 7 * 86400
_RECORDING_STEP_S: Final = 60
"""Recording links live briefly, so they change often: this much of their life may be lost to keep them stable."""


def upload_link(ctx: Context, reader: Actor, key: str, name: str | None = None) -> Link:
    """The link to an upload or its thumbnail; `name` is the file name for saving it."""
    if not reader.login_id:
        return {_UNSIGNED: key, "name": name}
    return ctx.signer.url(key, reader.link_holder, ctx.clock(), ctx.settings.objects.url_ttl_s, name)


def recording_link(ctx: Context, reader: Actor, key: str, name: str) -> str:
    """The link to a recording or one of its tracks: playback must start soon (`playback.py`)."""
    ttl_s = ctx.settings.objects.recording_url_ttl_s
    return ctx.signer.url(key, reader.link_holder, ctx.clock(), ttl_s, name, _RECORDING_STEP_S)


def face_link(ctx: Context, key: str, name: str | None = None) -> str:
    """The link to a profile picture: the same for every reader and bound to no login.

    Rooms describe their people to everyone with the same words, and whoever is signed in may see these pictures.
    """
    return ctx.signer.url(key, ANYONE, ctx.clock(), _FACE_TTL_S, name)


def sign_links(ctx: Context, reader: Actor, data: Any) -> Any:
    """Return a copy of JSON data in which every unsigned link is a URL for `reader`, who has a login."""
    match data:
        case {"unsignedFileKey": str(key), "name": name}:
            return upload_link(ctx, reader, key, name)
        case dict():
            return {field: sign_links(ctx, reader, value) for field, value in data.items()}
        case list():
            return [sign_links(ctx, reader, value) for value in data]
    return data
