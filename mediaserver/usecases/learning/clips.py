"""Video clips: of a lesson, made of a video; courses show clips of their own and of others, in an order."""

from collections.abc import Mapping, Sequence
from typing import Any

from mediaserver.base.errors import FieldError, Invalid, NotFound
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.clips import CourseVideoClipMapping, VideoClip
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.sessions.chat_messages import fits
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.representation import expansion
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.writes import settling

Wire = dict[str, Any]


async def create(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> VideoClip:
    """A clip of `lesson_id`, as long as its video. Forbidden, Invalid."""
    stamp = ctx.stamp()
    clip = VideoClip(**stamp, moderator_user_id=actor.user_id, timestamp=stamp["created_at"], **fields)
    await viewer.require(ctx, actor, VideoClip.policy.update, clip)
    timed = clip.model_copy(update={"duration_s": await _duration_s(ctx, actor, clip.upload)})
    return await settling.add(ctx, timed, owner=actor.user_id)


async def update(ctx: Context, actor: Actor, clip: VideoClip, fields: Mapping[str, Any]) -> VideoClip:
    """Change a clip; another video has another duration. Invalid."""
    changes = dict(fields)
    if fields.get("upload", clip.upload) != clip.upload:
        changes["duration_s"] = await _duration_s(ctx, actor, fields["upload"])
    return await settling.change(ctx, clip, changes, owner=actor.user_id)


async def _duration_s(ctx: Context, actor: Actor, upload_id: str) -> float | None:
    (upload,) = await uploads.owned(ctx, actor.user_id, [upload_id], ["upload"])
    if not fits("Video", upload.content_type):
        fault = FieldError("upload", f"is of type {upload.content_type}, which is no video")
        raise Invalid("invalid", "a clip is a video", [fault])
    return upload.duration_s


async def show(
    ctx: Context, actor: Actor, course: Course, clip_id: str, position: int | None
) -> CourseVideoClipMapping:
    """Have a course show a clip that `actor` may see, at the end unless a position is given; again is the same.

    NotFound, Forbidden. Judges no rights to the course.
    """
    clip = await _find(ctx, actor, clip_id)
    same = {"courseId": course.id, "clipId": clip.id}
    place = await _next_position(ctx, course) if position is None else position
    fresh = CourseVideoClipMapping(**ctx.stamp(), course_id=course.id, clip_id=clip.id, position=place)
    shown, is_new = await settling.add_once(ctx, fresh, same)
    if is_new or position is None or shown.position == position:
        return shown
    return await settling.change(ctx, shown, {"position": position})


async def hide(ctx: Context, course: Course, clip_id: str) -> None:
    """Have a course show a clip no more; again changes nothing. Judges no rights.

    Conflict `in_use` while a lesson of the course shows it and it is no clip of the course's own.
    """
    if shown := await ctx.of(CourseVideoClipMapping).find_one({"courseId": course.id, "clipId": clip_id}):
        try:
            await settling.remove(ctx, shown)
        except NotFound:  # somebody else was first
            return


async def describe_shown(ctx: Context, reader: Actor, found: Sequence[CourseVideoClipMapping]) -> list[Wire]:
    """The clips that a course shows, with `mappingId` and `position`."""
    clips = await ctx.of(VideoClip).by_ids(one.clip_id for one in found)
    there = [one for one in found if one.clip_id in clips]
    wires = await expansion.describe(ctx, reader, [clips[one.clip_id] for one in there])
    return [
        wire | {"mappingId": one.id, "position": one.position} for one, wire in zip(there, wires, strict=True)
    ]


async def _find(ctx: Context, actor: Actor, clip_id: str) -> VideoClip:
    clip = await ctx.of(VideoClip).find_one({"_id": clip_id})
    if clip is None:
        raise NotFound("not_found", "there is no such clip")
    await viewer.require(ctx, actor, VideoClip.policy.read, clip)
    return clip


async def _next_position(ctx: Context, course: Course) -> int:
    last = await ctx.of(CourseVideoClipMapping).find_one({"courseId": course.id}, sort=[("position", -1)])
    return min(last.position + 1, 1_000_000) if last else 0


async def _shown(ctx: Context, mapping: CourseVideoClipMapping) -> None:
    its, where = {"_id": mapping.clip_id}, {"shownIn": mapping.course_id}
    await ctx.of(VideoClip).update_one(its, operators={"$addToSet": where}, edits=False)


async def _hidden(ctx: Context, mapping: CourseVideoClipMapping) -> None:
    its, where = {"_id": mapping.clip_id}, {"shownIn": mapping.course_id}
    await ctx.of(VideoClip).update_one(its, operators={"$pull": where}, edits=False)


MAPPING_CONSEQUENCES = Consequences(added=_shown, removed=_hidden)
