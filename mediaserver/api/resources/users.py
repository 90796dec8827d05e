"""`/users`: people come through `/auth/register`; they change their own profile, admins roles and activity."""

from mediaserver.api.resource import Resource
from mediaserver.api.views import UserView
from mediaserver.domain.users import User
from mediaserver.usecases import erasure, profiles, users

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
