"""Starts and stops the recording of a room: first the document, then the capture, then the room's state."""

import logging
from typing import Any

from mediaserver.base.clock import rfc3339
from mediaserver.base.errors import Conflict, Problem, Unavailable
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.recordings import Recording
from mediaserver.rooms.room_task import RoomTask
from mediaserver.usecases.context import Context
from mediaserver.usecases.sessions import recordings

log = logging.getLogger(__name__)


def recording_wire(recording: Recording) -> dict[str, Any]:
    """Return a recording in the form of the room's events. REST adds fields that depend on the reader."""
    return {
        "id": recording.id,
        "status": recording.status,
        "startTime": rfc3339(recording.start_time),
        "endTime": rfc3339(recording.end_time) if recording.end_time else None,
        "startedByUserId": recording.started_by_user_id,
        "warning": None,
    }


async def start_recording(room: RoomTask, ctx: Context, actor: Actor, participant: str) -> dict[str, Any]:
    """Start recording and return the recording.

    Raises: Forbidden; Conflict("already_recording"); TooLarge("recording_quota_exceeded"); Unavailable.
    """
    room.room.check_moderates(participant)
    async with room.recording_lock:
        if room.recording_feed.active is not None:
            raise Conflict("already_recording", "This session is already being recorded.")
        session = room.room.session
        recording = await recordings.begin(ctx, actor, session, ctx.clock())
        try:
            await room.recording_feed.start(recording, session)
        except (Problem, TimeoutError) as error:
            await recordings.failed(ctx, recording.id, "The recorder could not start.")
            detail = error.detail if isinstance(error, Problem) else "The recorder does not answer. Try again."
            raise Unavailable("recording_unavailable", detail) from error
        wire = recording_wire(recording)
        await room.command(lambda now: room.room.recording_changed("recording.started", wire))
        log.info("recording started", extra={"recording": recording.id})
        return wire


async def stop_recording(room: RoomTask, ctx: Context, participant: str | None) -> dict[str, Any]:
    """Stop recording, for a participant or, with None, for the server. Raises: Conflict("not_recording")."""
    if participant is not None:
        room.room.check_moderates(participant)
    async with room.recording_lock:
        if room.recording_feed.active is None or room.room.recording is None:
            raise Conflict("not_recording", "This session is not being recorded.")
        recording = await recordings.stopped(ctx, room.room.recording["id"], ctx.clock())
        wire = recording_wire(recording)
        await room.command(lambda now: room.room.recording_changed("recording.stopped", wire, "stopped"))
        room.recording_feed.stop()
        log.info("recording stopped", extra={"recording": recording.id})
        return wire


async def recording_cut_off(room: RoomTask, ctx: Context, recording_id: str, reason: str) -> None:
    """Handle a recording that the recorder ended: notify the room at once and update the document when
    possible."""
    async with room.recording_lock:  # a start in progress is finished first
        shown, moment = room.room.recording, ctx.clock()
        if room.recording_feed.active != recording_id or shown is None:
            return  # the recording was stopped meanwhile
        wire = {**shown, "status": "processing", "endTime": rfc3339(moment), "warning": None}
        room.recording_feed.stop()
        log.info("recording stopped", extra={"recording": recording_id, "reason": reason})
        room.enqueue(lambda now: room.room.recording_changed("recording.stopped", wire, reason))
        room.write(lambda: recordings.stopped(ctx, recording_id, moment))
