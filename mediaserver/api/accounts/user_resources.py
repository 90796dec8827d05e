"""`/users`: people come through `/auth/register`; they change their own profile, admins roles and activity."""

from mediaserver.api.declarations.resource import Resource
from mediaserver.api.declarations.views import UserView
from mediaserver.domain.accounts.users import User
from mediaserver.usecases.personal_data import erasure
from mediaserver.usecases.representation import profiles, users

USERS = Resource(
    path="/users",
    document=User,
    update=("username", "profile", "profile_image", "skills", "role", "active"),
    filters=("role", "active", ("skill", "skills")),
    view=UserView,
    deletable=True,
    updates=users.update,
    deletes=erasure.erase,
    describes=profiles.describe,
)
