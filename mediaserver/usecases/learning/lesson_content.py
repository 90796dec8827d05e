"""What typed blocks refer to: uploads of the right class, clips of the course."""

from collections.abc import Set
from typing import Any

from mediaserver.base.errors import FieldError, Invalid
from mediaserver.domain.learning.clips import CourseVideoClipMapping, VideoClip
from mediaserver.domain.learning.content_blocks import MEDIA_CLASSES, ClipBlock
from mediaserver.domain.sessions.chat_messages import fits
from mediaserver.usecases.context import Context

Placed = list[tuple[str, Any]]
"""Blocks and where they stand: `content.3`."""


async def check(ctx: Context, owner_id: str, placed: Placed, known: Set[str] = frozenset()) -> None:
    """Invalid names each block whose upload may not stand there; `known` are ids that stood there."""
    if found := await faults(ctx, owner_id, placed, known):
        raise Invalid("invalid", "some blocks cannot be shown", found)


async def faults(ctx: Context, owner_id: str, placed: Placed, known: Set[str] = frozenset()) -> list[FieldError]:
    """As `check` names them."""
    wanted = [(loc, block) for loc, block in placed if block.type in MEDIA_CLASSES]
    found = await ctx.uploads.by_ids(block.value for _, block in wanted)
    faults = []
    for loc, block in wanted:
        upload = found.get(block.value)
        is_theirs = upload and upload.status == "ready" and upload.owner_user_id == owner_id
        if upload is None or not (is_theirs or block.value in known):
            faults.append(FieldError(f"{loc}.value", "must be the id of an upload of yours"))
        elif not fits(MEDIA_CLASSES[block.type], upload.content_type):
            faults.append(
                FieldError(f"{loc}.value", f"is of type {upload.content_type}, which is no {block.type}")
            )
    return faults


async def clips(ctx: Context, course_id: str, placed: Placed) -> tuple[dict[str, list[str]], list[FieldError]]:
    """What a lesson refers to by clips in its blocks, as its fields; and each block with one that is not of its
    course, nor shown by it."""
    wanted = [(loc, block) for loc, block in placed if isinstance(block, ClipBlock)]
    found = await ctx.of(VideoClip).by_ids(block.value for _, block in wanted)
    own = [id for id, clip in found.items() if clip.course_id == course_id]
    others = [id for id in found if id not in own]
    of = {"courseId": course_id, "clipId": {"$in": others}}
    shown = await ctx.of(CourseVideoClipMapping).find(of) if others else []
    there = {*own, *(one.clip_id for one in shown)}
    wrong = [
        FieldError(f"{loc}.value", "must be the id of a clip of this course")
        for loc, block in wanted
        if block.value not in there
    ]
    return {"clip_ids": own, "course_clip_ids": [one.id for one in shown]}, wrong
