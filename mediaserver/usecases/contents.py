"""What typed blocks refer to: uploads of the right class, clips of the course."""

from collections.abc import Set
from typing import Any

from mediaserver.base.errors import FieldError, Invalid
from mediaserver.domain.clips import VideoClip
from mediaserver.domain.content_blocks import MEDIA_CLASSES, ClipBlock
from mediaserver.domain.messages import fits
from mediaserver.usecases.context import Context

Placed = list[tuple[str, Any]]
"""Blocks and where they stand: `content.3`."""


async def check(
    ctx: Context, owner_id: str, course_id: str, placed: Placed, known: Set[str] = frozenset()
) -> None:
    """Invalid names each block whose upload or clip may not stand there; `known` are ids that stood there."""
    if found := await faults(ctx, owner_id, course_id, placed, known):
        raise Invalid("invalid", "some blocks cannot be shown", found)


async def faults(
    ctx: Context, owner_id: str, course_id: str, placed: Placed, known: Set[str] = frozenset()
) -> list[FieldError]:
    """As `check` names them."""
    return [
        *await _upload_faults(ctx, owner_id, placed, known),
        *await _clip_faults(ctx, course_id, placed, known),
    ]


async def _upload_faults(ctx: Context, owner_id: str, placed: Placed, known: Set[str]) -> list[FieldError]:
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


async def _clip_faults(ctx: Context, course_id: str, placed: Placed, known: Set[str]) -> list[FieldError]:
    wanted = [(loc, block) for loc, block in placed if isinstance(block, ClipBlock) and block.value not in known]
    found = await ctx.of(VideoClip).by_ids(block.value for _, block in wanted)
    return [
        FieldError(f"{loc}.value", "must be the id of a clip of this course")
        for loc, block in wanted
        if not ((clip := found.get(block.value)) and course_id in (clip.course_id, *clip.shown_in))
    ]
