"""All routes of learning that are more than CRUD."""

from mediaserver.api.routes import clips, courses, grading, progress

ENDPOINTS = [*courses.ENDPOINTS, *progress.ENDPOINTS, *grading.ENDPOINTS, *clips.ENDPOINTS]
