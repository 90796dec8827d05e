"""`/clips`: short films of lessons."""

from mediaserver.api.declarations.resource import Create, Delete, Listing, Resource, Update, Within
from mediaserver.api.declarations.shapes import view_of
from mediaserver.domain.learning.clips import VideoClip
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.usecases.learning import clips

CLIP_VIEW = view_of(VideoClip)

CLIPS = Resource(
    path="/clips",
    document=VideoClip,
    listing=Listing(top_level=False),
    within=(
        Within(
            path="/lessons/{id}/clips", parent=Lesson, field="lesson_id", creates=True, inherits=("course_id",)
        ),
    ),
    create=Create(("title", "description", "upload"), clips.create),
    update=Update(("title", "description", "upload"), clips.update),
    delete=Delete(),
    view=CLIP_VIEW,
    noun="clip",
)
