"""Playing a recording with one link for hours: the first request opens a grant, later ones go on under it.

Grants are stored, so a player goes on when the server restarts or another one answers. Whoever has the link may
use it, as with any signed link; so a grant lives for hours at most and ends with the login, and the right is
checked at each request.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from mediaserver.base.errors import Forbidden
from mediaserver.base.ids import new_id
from mediaserver.base.signing import SignedFile
from mediaserver.domain.sessions.playback import PlaybackGrant, grant_end
from mediaserver.usecases.context import Context

_RENEWED_S: Final = 60.0
"""A grant in use is written at most this often."""


async def admit(ctx: Context, signed: SignedFile, recording_id: str) -> PlaybackGrant:
    """Return the grant under which this request may read the recording; open it if this is the first one.

    Raises: Forbidden("expired") when playback was not started in time, has paused for too long or has lasted for
    as long as it may.
    """
    now, holder = ctx.clock(), signed.holder
    of_link = {"loginId": holder.login, "recordingId": recording_id, "linkExpires": signed.expires}
    grant = await ctx.of(PlaybackGrant).find_one(of_link)
    if grant is None or grant.is_over(now):
        if signed.expired(now):
            raise _expired()
        grant = await _open(ctx, of_link, holder.person, now)
    used = await use(ctx, grant, now)
    if used is None:
        raise _expired()
    return used


async def use(ctx: Context, grant: PlaybackGrant, now: datetime) -> PlaybackGrant | None:
    """Note that a grant is in use, and return it as it is now; None when it is over."""
    settings = ctx.settings.objects
    if grant.is_over(now):
        return None
    if now - grant.used_at < timedelta(seconds=min(_RENEWED_S, settings.playback_idle_s / 4)):
        return grant
    end = grant_end(grant.opened_at, now, settings.playback_max_s, settings.playback_idle_s)
    as_seen = {"_id": grant.id, "usedAt": grant.used_at}
    changes = {"usedAt": now, "expiresAt": end}
    renewed = await ctx.of(PlaybackGrant).update_one(as_seen, set=changes, edits=False)
    if renewed is None:  # another request has just renewed it, or it is gone
        renewed = await ctx.of(PlaybackGrant).find_one({"_id": grant.id})
    return None if renewed is None or renewed.is_over(now) else renewed


async def _open(ctx: Context, of_link: dict[str, Any], user_id: str, now: datetime) -> PlaybackGrant:
    settings = ctx.settings.objects
    end = grant_end(now, now, settings.playback_max_s, settings.playback_idle_s)
    fresh = PlaybackGrant(
        id=new_id(),
        created_at=now,
        updated_at=now,
        user_id=user_id,
        login_id=of_link["loginId"],
        recording_id=of_link["recordingId"],
        link_expires=of_link["linkExpires"],
        opened_at=now,
        used_at=now,
        expires_at=end,
    )
    found, added = await ctx.of(PlaybackGrant).add_if_absent(of_link, fresh)
    if added:
        await _end_surplus(ctx, found.login_id)
    elif found.is_over(now):  # it paused for too long, but its link may still be started with
        anew = {"openedAt": now, "usedAt": now, "expiresAt": end}
        return await ctx.of(PlaybackGrant).update(found.id, set=anew)
    return found


async def _end_surplus(ctx: Context, login_id: str) -> None:
    """Delete the grants of a login that were used least recently, beyond the number that it may have."""
    newest_first = [("usedAt", -1), ("_id", -1)]
    ids = await ctx.of(PlaybackGrant).values({"loginId": login_id}, "_id", newest_first)
    if surplus := ids[ctx.settings.objects.playbacks_per_login :]:
        await ctx.of(PlaybackGrant).delete_many({"_id": {"$in": surplus}})


def _expired() -> Forbidden:
    return Forbidden(
        "expired",
        "This link has expired: playback was not started in time, or it has ended. Ask for the recording again.",
    )
