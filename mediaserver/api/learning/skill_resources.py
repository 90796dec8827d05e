"""`/skills`: what people can and courses teach; instructors add to them, admins put them in order."""

from mediaserver.api.declarations.resource import Resource
from mediaserver.domain.learning.skills import Skill

SKILLS = Resource(
    path="/skills",
    document=Skill,
    create=("name", "description", "category"),
    update=("name", "description", "category"),
    filters=("category",),
    sorts=("name",),
    deletable=True,
)
