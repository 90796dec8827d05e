"""Whether a signed link still gives access to the bytes: its time, its login and the person's right to read."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from mediaserver.base.errors import Forbidden
from mediaserver.base.signing import ANYONE, LinkHolder, SignedFile
from mediaserver.domain.sessions.playback import PlaybackGrant
from mediaserver.usecases.context import Context
from mediaserver.usecases.files import playback
from mediaserver.usecases.sessions import recordings
from mediaserver.usecases.uploads import stored_metadata, uploads

WhoMayRead = Callable[[Context, Collection[str], str], Awaitable[set[str]]]
"""`(context, user ids, id in the key)`: those of these people who may have the bytes now."""

READERS: Final[Mapping[str, WhoMayRead]] = {
    "uploads": uploads.who_may_read,
    "recordings": recordings.who_may_play,
}
"""Who may read which objects, by the first part of their keys."""


@dataclass(frozen=True, slots=True)
class FileAccess:
    """A request for a file that was allowed."""

    signed: SignedFile
    kind: str
    """The first part of the object's key, such as `uploads`."""
    id: str
    """The second part: the id of the document that the object belongs to."""
    grant: PlaybackGrant | None = None
    """Under which a recording is played."""

    @property
    def holder(self) -> LinkHolder:
        return self.signed.holder


async def require(ctx: Context, signed: SignedFile) -> FileAccess:
    """Return the access that a link with a valid signature gives now.

    A file from before metadata was removed is cleaned first.

    Raises: Forbidden("expired" | "login_over" | "forbidden"); Unavailable and InsufficientStorage when such a
    file cannot be cleaned now.
    """
    kind, _, rest = signed.key.partition("/")
    access = FileAccess(signed, kind, rest.partition("/")[0])
    if kind != "recordings" and signed.expired(ctx.clock()):
        raise Forbidden("expired", "This link has expired. Ask for it again.")
    await _require_login(ctx, signed.holder)
    await _require_right(ctx, access)
    if kind == "uploads" and await stored_metadata.strip_before_serving(ctx, access.id, signed.key):
        await _require_right(ctx, access)  # what cannot be cleaned is for its owner only
    if kind != "recordings":
        return access
    return FileAccess(signed, kind, access.id, await playback.admit(ctx, signed, access.id))


async def standing(ctx: Context, holders: Collection[LinkHolder]) -> set[LinkHolder]:
    """Those of these holders whose logins have not ended."""
    users = await ctx.users.by_ids(holder.person for holder in holders if holder.login)
    logins = await ctx.logins.by_ids(holder.login for holder in holders if holder.login)
    now, found = ctx.clock(), {ANYONE}
    for holder in holders:
        user, login = users.get(holder.person), logins.get(holder.login)
        if user and login and login.alive(user, now) and holder.epoch >= user.login_epoch:
            found.add(holder)
    return found


async def _require_right(ctx: Context, access: FileAccess) -> None:
    reader, person = READERS.get(access.kind), access.holder.person
    if reader is None or person not in await reader(ctx, [person], access.id):
        raise Forbidden("forbidden", "This file is not, or no longer, for the person whom the link was made for.")


async def _require_login(ctx: Context, holder: LinkHolder) -> None:
    if holder != ANYONE and not holder.login:
        raise Forbidden("expired", "This link was made by an earlier version of the server. Ask for it again.")
    if holder not in await standing(ctx, [holder]):
        raise Forbidden("login_over", "The login that this link was made for has ended. Ask for the link again.")
