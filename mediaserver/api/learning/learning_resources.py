"""All resources of learning."""

from typing import Any, Final

from mediaserver.api.declarations.resource import Resource
from mediaserver.api.learning.assignment_resources import ASSIGNMENTS, SUBMISSIONS
from mediaserver.api.learning.clip_resources import CLIPS
from mediaserver.api.learning.course_resources import (
    COURSE_REMOVALS,
    COURSES,
    ENROLLMENTS,
    LESSONS,
    LEVELS,
    PROGRESS,
)

LEARNING: Final[tuple[Resource[Any], ...]] = (
    COURSES, LEVELS, LESSONS, ENROLLMENTS, COURSE_REMOVALS, PROGRESS, ASSIGNMENTS, SUBMISSIONS, CLIPS,
)  # fmt: skip
