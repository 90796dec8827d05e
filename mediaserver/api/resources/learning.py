"""All resources of learning."""

from typing import Any, Final

from mediaserver.api.resource import Resource
from mediaserver.api.resources.assignments import ASSIGNMENTS, SUBMISSIONS
from mediaserver.api.resources.clips import CLIPS
from mediaserver.api.resources.courses import COURSE_REMOVALS, COURSES, ENROLLMENTS, LESSONS, LEVELS, PROGRESS

LEARNING: Final[tuple[Resource[Any], ...]] = (
    COURSES, LEVELS, LESSONS, ENROLLMENTS, COURSE_REMOVALS, PROGRESS, ASSIGNMENTS, SUBMISSIONS, CLIPS,
)  # fmt: skip
