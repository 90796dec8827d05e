"""Recordings: begun, stopped, then ready or failed; whoever took part may play them.

One that goes is marked first, then its objects go, then it: none is ever seen without its objects, and no object
is left that nothing knows of.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from mediaserver.base.errors import Conflict, Forbidden, NotFound, TooLarge
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.recordings import RecordedTrack, Recording
from mediaserver.domain.sessions.sessions import Session
from mediaserver.store.reader import Page
from mediaserver.usecases.access import course_access
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.events import RecordingFailed, RecordingReady
from mediaserver.usecases.notifications.notifications import forget, notify
from mediaserver.usecases.representation import expansion
from mediaserver.usecases.uploads.file_links import recording_link
from mediaserver.usecases.writes import settling

Wire = dict[str, Any]

_IN_MAKING = ["recording", "processing"]


async def begin(ctx: Context, actor: Actor, session: Session, now: datetime) -> Recording:
    """A running recording of a live session.

    Forbidden, Conflict `not_live`, `already_recording` or `gone`, TooLarge `recording_quota_exceeded`.
    """
    if not session.is_moderated_by(actor):
        raise Forbidden("forbidden", "only the moderator or an admin may record")
    if session.status != "live":
        raise Conflict("not_live", "only a running session can be recorded")
    await _require_quota(ctx, session.moderator_user_id)
    recording = Recording(
        **ctx.stamp(),
        session_kind=session.kind,
        session_id=session.id,
        moderator_user_id=session.moderator_user_id,
        started_by_user_id=actor.user_id,
        start_time=now,
        node=ctx.node,
    )
    try:
        return await settling.add(ctx, recording)
    except Conflict as conflict:
        if conflict.code == settling.GONE:
            raise
        # The unique index over those that are running.
        raise Conflict("already_recording", "this session is being recorded") from None


async def _require_quota(ctx: Context, moderator_id: str) -> None:
    """TooLarge when the moderator's stored recordings are as large as they may be; running ones do not count."""
    limit = ctx.settings.recording.max_bytes_per_moderator
    if limit and await stored_bytes(ctx, moderator_id) >= limit:
        raise TooLarge(
            "recording_quota_exceeded",
            f"The recordings of this moderator take up all of the {limit:,} bytes that they may "
            "(recording.max_bytes_per_moderator). Delete some, then record again.",
        )


async def stored_bytes(ctx: Context, moderator_id: str) -> int:
    """The size of a moderator's stored programs and tracks."""
    theirs: dict[str, Any] = {"$match": {"moderatorUserId": moderator_id}}
    programs = [theirs, {"$group": {"_id": None, "size": {"$sum": "$size"}}}]
    tracks = [theirs, {"$unwind": "$tracks"}, {"$group": {"_id": None, "size": {"$sum": "$tracks.size"}}}]
    found = [*await ctx.recordings.aggregate(programs), *await ctx.recordings.aggregate(tracks)]
    return sum(int(one["size"]) for one in found)


async def stopped(ctx: Context, recording_id: str, now: datetime) -> Recording:
    """Nothing more is captured: it is being processed now. Conflict `not_recording`."""
    running = {"_id": recording_id, "status": "recording"}
    changed = await ctx.recordings.update_one(running, set={"status": "processing", "endTime": now})
    if changed is None:
        raise Conflict("not_recording", "this recording is not running")
    return changed


async def ready(
    ctx: Context,
    recording_id: str,
    *,
    object_key: str,
    size: int,
    duration_s: float,
    tracks: Sequence[RecordedTrack],
) -> Recording:
    """The composed program can be played: whoever took part is told. May be repeated.

    Publishes `RecordingReady`. NotFound when it was deleted.
    """
    changes = {
        "status": "ready",
        "objectKey": object_key,
        "size": size,
        "duration": duration_s,
        "tracks": list(tracks),
        "failure": None,
    }
    recording = await _change(ctx, recording_id, changes)
    session = await ctx.sessions.find_one({"_id": recording.session_id})
    about = {
        "recordingId": recording.id,
        "sessionKind": recording.session_kind,
        "sessionId": recording.session_id,
        **({"title": session.title} if session else {}),
    }
    await notify(ctx, _audience(ctx, recording), "recording-ready", about)
    ctx.events.publish(RecordingReady(recording))
    return recording


async def _audience(ctx: Context, recording: Recording) -> AsyncIterator[str]:
    """Those who may play it."""
    yield recording.moderator_user_id
    yield recording.started_by_user_id
    part = {"sessionKind": recording.session_kind, "sessionId": recording.session_id, "removedAt": None}
    async for participant in ctx.participants.each(part):
        yield participant.user_id


async def failed(ctx: Context, recording_id: str, reason: str) -> Recording:
    """It cannot be composed; publishes `RecordingFailed`. NotFound when it was deleted."""
    recording = await _change(ctx, recording_id, {"status": "failed", "failure": reason})
    ctx.events.publish(RecordingFailed(recording))
    return recording


async def _change(ctx: Context, recording_id: str, changes: Mapping[str, Any]) -> Recording:
    """NotFound too when it is just going: whoever has stored something for it removes that again."""
    there = {"_id": recording_id, "gone": {"$ne": True}}
    if changed := await ctx.recordings.update_one(there, set=changes):
        return changed
    raise NotFound("recording_not_found", "there is no such recording")


async def unfinished(ctx: Context) -> list[Recording]:
    """Those recording or processing on this node: after a start, captures to be finished."""
    return await ctx.recordings.find({"status": {"$in": _IN_MAKING}} | ctx.own)


async def running(ctx: Context, session: Session) -> Recording | None:
    return await ctx.recordings.find_one(
        {"sessionKind": session.kind, "sessionId": session.id, "status": "recording"}
    )


async def find(ctx: Context, actor: Actor, recording_id: str) -> Recording:
    """NotFound, Forbidden."""
    recording = await ctx.recordings.get(recording_id)
    if not await may_play(ctx, actor, recording):
        raise Forbidden("forbidden", "only those who took part in the session may see its recordings")
    return recording


async def may_play(ctx: Context, actor: Actor, recording: Recording) -> bool:
    """Its moderator, those who took part, were not removed and still take the course, and admins."""
    return actor.is_admin or actor.user_id in await _players(ctx, recording, {actor.user_id})


async def _players(ctx: Context, recording: Recording, user_ids: set[str]) -> set[str]:
    """Those of these people who may play it without being admins, in a few queries for all of them."""
    allowed = user_ids & {recording.moderator_user_id, recording.started_by_user_id}
    others = user_ids - allowed
    session = await ctx.sessions.find_one({"_id": recording.session_id}) if others else None
    if session is None:
        return allowed
    part = {"sessionKind": recording.session_kind, "sessionId": recording.session_id, "removedAt": None}
    took_part = await ctx.participants.values({**part, "userId": {"$in": list(others)}}, "userId")
    return allowed | await course_access.who_passes(ctx, took_part, session)


async def page(ctx: Context, actor: Actor, limit: int, cursor: str | None) -> Page[Recording]:
    """Those that `actor` may play, of all sessions, the latest first. Invalid `bad_cursor`."""
    return await ctx.recordings.page(await _playable(ctx, actor), [("_id", -1)], limit, cursor)


async def _playable(ctx: Context, actor: Actor) -> dict[str, Any]:
    """The filter of what `may_play` allows."""
    if actor.is_admin:
        return {}
    took_part = await ctx.participants.values({"userId": actor.user_id, "removedAt": None}, "sessionId")
    sessions = {"sessionId": {"$in": await course_access.passed(ctx, actor, took_part)}}
    return {"$or": [sessions, {"moderatorUserId": actor.user_id}, {"startedByUserId": actor.user_id}]}


async def who_may_play(ctx: Context, user_ids: Collection[str], recording_id: str) -> set[str]:
    """Those of these people who may have the bytes under `recordings/{recording_id}/` now."""
    recording = await ctx.recordings.find_one({"_id": recording_id})
    if recording is None:
        return set()
    allowed = await _players(ctx, recording, set(user_ids))
    if others := set(user_ids) - allowed:
        allowed |= set(await ctx.users.values({"_id": {"$in": list(others)}, "role": "admin"}, "_id"))
    return allowed


async def describe(ctx: Context, actor: Actor, found: Sequence[Recording]) -> list[Wire]:
    """Recordings as the wire has them; tracks with the `username` of whose they are beside `user`.

    `videoFileUrl` and the tracks' `url` are made at each reading, signed for `actor`, and expire.
    """
    wires = await expansion.describe(ctx, actor, found)
    for recording, wire in zip(found, wires, strict=True):
        _add_links(ctx, actor, recording, wire)
    return wires


async def delete(ctx: Context, actor: Actor, recording: Recording) -> None:
    """Remove a finished recording and its objects. Forbidden, Conflict `busy`."""
    if not (actor.is_admin or actor.user_id == recording.moderator_user_id):
        raise Forbidden("forbidden", "only the moderator or an admin may delete a recording")
    await settling.remove(ctx, recording)


async def require_none_in_making(ctx: Context, session: Session, settled: bool = False) -> None:
    """Conflict `busy` while a recording of it is being made. `settled`: what is not settled does not count."""
    where: dict[str, Any] = {"sessionId": session.id, "status": {"$in": _IN_MAKING}}
    if settled:
        where["settled"] = {"$ne": False}
    if await ctx.recordings.exists(where):
        raise _busy()


async def _forbids(ctx: Context, recording: Recording, settled: bool) -> None:
    if recording.status in _IN_MAKING:
        raise _busy()


def _busy() -> Conflict:
    return Conflict("busy", "a recording is still being made; try again when it is ready")


async def _removed(ctx: Context, recording: Recording) -> None:
    """All its objects, also those that were stored before it was known to be ready."""
    keys = [listed.key async for listed in ctx.objects.list(f"recordings/{recording.id}/")]
    for key in keys:
        await ctx.objects.delete(key)
    await forget(ctx, recording.id)


def _add_links(ctx: Context, actor: Actor, recording: Recording, wire: Wire) -> None:
    def url(key: str, name: str) -> str:
        return recording_link(ctx, actor, key, name)

    day = recording.start_time.strftime("%Y-%m-%d")
    wire["videoFileUrl"] = url(recording.object_key, f"recording-{day}.mp4") if recording.object_key else None
    for track, shown in zip(recording.tracks, wire["tracks"], strict=True):
        shown["username"] = shown["user"]["username"]
        shown["url"] = url(track.object_key, f"{track.source}-{day}.{track.object_key.rpartition('.')[2]}")


CONSEQUENCES = Consequences(removed=_removed, forbids=_forbids)
