"""`/users`: read, update and delete accounts. They are created by `/auth/register`; only admins change roles."""

from mediaserver.api.declarations.resource import Delete, Listing, Resource, Update
from mediaserver.api.declarations.views import UserView
from mediaserver.domain.accounts.users import User
from mediaserver.usecases.personal_data import erasure
from mediaserver.usecases.representation import profiles, users

USERS = Resource(
    path="/users",
    document=User,
    listing=Listing(filters=("role", "active", ("skill", "skills"))),
    update=Update(("username", "profile", "profile_image", "skills", "role", "active"), users.update),
    delete=Delete(erasure.erase),
    view=UserView,
    describe=profiles.describe,
)
