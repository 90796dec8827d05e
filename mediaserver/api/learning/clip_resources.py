"""`/clips`: short films of lessons."""

from mediaserver.api.declarations.resource import Resource, Within
from mediaserver.api.declarations.shapes import view_of
from mediaserver.domain.learning.clips import VideoClip
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.usecases.learning import clips

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
