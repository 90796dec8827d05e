"""`/clips`: short films of lessons."""

from mediaserver.api.resource import Resource, Within
from mediaserver.api.shapes import view_of
from mediaserver.domain.clips import VideoClip
from mediaserver.domain.lessons import Lesson
from mediaserver.usecases import clips

CLIP_VIEW = view_of(VideoClip)

CLIPS = Resource(
    path="/clips",
    document=VideoClip,
    noun="clip",
    view=CLIP_VIEW,
    listed=False,
    within=(
        Within(
            path="/lessons/{id}/clips", parent=Lesson, field="lesson_id", creates=True, inherits=("course_id",)
        ),
    ),
    create=("title", "description", "upload"),
    update=("title", "description", "upload"),
    deletable=True,
    creates=clips.create,
    updates=clips.update,
)
