"""Starting and stopping the recording of a room: the document first, then the capture, then the room is told."""

import logging
from typing import TYPE_CHECKING, Any

from mediaserver.base.clock import rfc3339
from mediaserver.base.errors import Conflict, Problem, Unavailable
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.recordings import Recording
from mediaserver.usecases.context import Context
from mediaserver.usecases.sessions import recordings

if TYPE_CHECKING:
    from mediaserver.rooms.room_task import Host

log = logging.getLogger(__name__)


def recording_wire(recording: Recording) -> dict[str, Any]:
    """A recording as the events of a room tell it (REST tells more, for each reader)."""
    return {
        "id": recording.id,
        "status": recording.status,
        "startTime": rfc3339(recording.start_time),
        "endTime": rfc3339(recording.end_time) if recording.end_time else None,
        "startedByUserId": recording.started_by_user_id,
        "warning": None,
    }


async def start_recording(host: "Host", ctx: Context, actor: Actor, participant: str) -> dict[str, Any]:
    """Begin to record; answers the recording.

    Forbidden, Conflict `already_recording`, TooLarge `recording_quota_exceeded`, Unavailable.
    """
    host.room.check_moderates(participant)
    async with host.recording_lock:
        if host.taps.active is not None:
            raise Conflict("already_recording", "this session is being recorded")
        session = host.room.session
        recording = await recordings.begin(ctx, actor, session, ctx.clock())
        try:
            await host.taps.start(recording, session)
        except (Problem, TimeoutError) as error:
            await recordings.failed(ctx, recording.id, "the recorder could not begin")
            detail = error.detail if isinstance(error, Problem) else "the recorder does not answer"
            raise Unavailable("recording_unavailable", detail) from error
        wire = recording_wire(recording)
        await host.command(lambda now: host.room.recording_changed("recording.started", wire))
        log.info("recording started", extra={"recording": recording.id})
        return wire


async def stop_recording(host: "Host", ctx: Context, participant: str | None) -> dict[str, Any]:
    """Stop; `participant` None is the server itself. Conflict `not_recording`."""
    if participant is not None:
        host.room.check_moderates(participant)
    async with host.recording_lock:
        if host.taps.active is None or host.room.recording is None:
            raise Conflict("not_recording", "this session is not being recorded")
        recording = await recordings.stopped(ctx, host.room.recording["id"], ctx.clock())
        wire = recording_wire(recording)
        await host.command(lambda now: host.room.recording_changed("recording.stopped", wire, "stopped"))
        host.taps.stop()
        log.info("recording stopped", extra={"recording": recording.id})
        return wire


async def recording_cut_off(host: "Host", ctx: Context, recording_id: str, reason: str) -> None:
    """The recorder gave it up: people are told at once, the document follows as soon as it can be written."""
    async with host.recording_lock:  # a start that is under way comes first
        shown, moment = host.room.recording, ctx.clock()
        if host.taps.active != recording_id or shown is None:
            return  # it was stopped meanwhile
        wire = {**shown, "status": "processing", "endTime": rfc3339(moment), "warning": None}
        host.taps.stop()
        log.info("recording stopped", extra={"recording": recording_id, "reason": reason})
        host.tell(lambda now: host.room.recording_changed("recording.stopped", wire, reason))
        host.write(lambda: recordings.stopped(ctx, recording_id, moment))
