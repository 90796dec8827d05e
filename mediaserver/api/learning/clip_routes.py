"""The clips that a course shows: its own lessons' and others'."""

from typing import Any

from pydantic import create_model

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Accepts, Returns
from mediaserver.api.declarations.pagination import PageQuery, page
from mediaserver.api.learning.clip_resources import CLIP_VIEW
from mediaserver.domain.learning.clips import CourseVideoClipMapping
from mediaserver.domain.learning.courses import TAKING_COURSE
from mediaserver.domain.learning.levels import Position
from mediaserver.usecases.access import viewer
from mediaserver.usecases.learning import clips, courses

ShownClipView: Any = create_model("ShownClipView", __base__=CLIP_VIEW, mapping_id=(str, ...), position=(int, ...))


class ClipPlace(Body):
    position: Position | None = None


async def _list(call: Call) -> Answer:
    """Return a page of the clips that a course shows, by position: its own and those of other courses."""
    course = await courses.find(call.context, call.actor, call.id())
    await viewer.require(call.context, call.actor, TAKING_COURSE, course)
    shown = call.context.of(CourseVideoClipMapping)
    found = await shown.page(
        {"courseId": course.id}, [("position", 1), ("_id", 1)], limit=call.query.limit, cursor=call.query.cursor
    )
    return page(await clips.describe_shown(call.context, call.actor, found.items), found.next_cursor)


async def _show(call: Call) -> Answer:
    """Add a clip to a course at a position, or move it there when the course shows it already. Without a position
    it comes last.
    """
    course = await courses.taught(call.context, call.actor, call.id())
    mapping = await clips.show(call.context, call.actor, course, call.id("clipId"), call.body.position)
    wires = await clips.describe_shown(call.context, call.actor, [mapping])
    return Answer(wires[0])


async def _hide(call: Call) -> Answer:
    """Remove a clip from a course. The clip itself stays."""
    course = await courses.taught(call.context, call.actor, call.id())
    await clips.hide(call.context, course, call.id("clipId"))
    return Answer()


_ONE = "/courses/{id}/clips/{clipId}"
ENDPOINTS = [
    Endpoint(
        "GET",
        "/courses/{id}/clips",
        "List the clips that a course shows",
        _list,
        "VideoClip",
        accepts=Accepts(query=PageQuery),
        returns=Returns(model=ShownClipView, page=True, errors=(403, 404)),
    ),
    Endpoint(
        "PUT",
        _ONE,
        "Add a clip to a course or move it",
        _show,
        "VideoClip",
        accepts=Accepts(body=ClipPlace, body_required=False),
        returns=Returns(model=ShownClipView, errors=(403, 404, 409)),
        name="showCourseClip",
    ),
    Endpoint(
        "DELETE",
        _ONE,
        "Remove a clip from a course",
        _hide,
        "VideoClip",
        returns=Returns(status=204, errors=(403, 404, 409)),
        name="hideCourseClip",
    ),
]
