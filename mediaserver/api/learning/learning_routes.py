"""All routes of learning that are more than CRUD."""

from mediaserver.api.learning import clip_routes, course_routes, grading_routes, progress_routes

ENDPOINTS = [
    *course_routes.ENDPOINTS,
    *progress_routes.ENDPOINTS,
    *grading_routes.ENDPOINTS,
    *clip_routes.ENDPOINTS,
]
