"""`/skills`: what people can and courses teach; instructors add to them, admins put them in order."""

from mediaserver.api.declarations.resource import Create, Delete, Listing, Resource, Update
from mediaserver.domain.learning.skills import Skill

SKILLS = Resource(
    path="/skills",
    document=Skill,
    listing=Listing(filters=("category",), sorts=("name",)),
    create=Create(("name", "description", "category")),
    update=Update(("name", "description", "category")),
    delete=Delete(),
)
